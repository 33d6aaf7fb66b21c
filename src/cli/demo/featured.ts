import type { KindName } from "./kinds.ts";

/** Names for the first files of each kind, which are the ones that the demo shows. */
export const FEATURED: Readonly<Record<KindName, readonly string[]>> = {
  expired: ["holiday-photos.zip", "flat-viewing.mp4", "concert-tickets.pdf", "drum-samples.wav"],
  usedUp: ["passport-scan.pdf", "test-results.pdf", "demo-song.mp3"],
  leftOver: ["launch-teaser.mov", "old-brochure.psd", "survey-2025.csv"],
  orphan: ["upload-7f3a91c2.part", "garden-party.mov", "backup-before-move.zip", "upload-e05b44d8.part"],
  newOrphan: ["keynote-rehearsal.mp4", "upload-19c0aa57.part"],
  youngOrphan: ["wedding-film-4k.mp4", "upload-b2d6f013.part"],
  claimed: ["grandmas-recipes.pdf", "choir-tour.zip"],
  live: ["team-handbook.pdf", "floor-plans.zip", "price-list.xlsx", "podcast-episode-12.mp3"],
  extended: ["thesis-final.pdf", "exhibition-photos.zip"],
  shared: ["budget.xlsx", "band-photos.zip"],
  justUsedUp: ["contract-signed.pdf", "house-keys-video.mp4"],
  onHold: ["accident-report.pdf", "tenancy-dispute.zip"],
  unreadable: ["seminar-reader.pdf", "trade-fair-stand.psd"],
};
