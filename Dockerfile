# The service on Node. Debian, not Alpine: the native libSQL addon crashes on musl (libsql-client-ts#354).
#   docker build -t filesweep .
#   docker run -p 8787:8787 -v /srv/app:/data -e ADMIN_TOKEN=… filesweep
FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20-slim
ENV NODE_ENV=production
# In a container the port is published, or not, from outside.
ENV HOST=0.0.0.0 PORT=8787
ENV DATABASE_URL=file:/data/filesweep.db STORAGE_URL=file:/data/uploads
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir -p /data/uploads && chown -R node:node /data
VOLUME /data
USER node
EXPOSE 8787
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
