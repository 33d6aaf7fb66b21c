/** The version of this program, as package.json has it: a Worker has no file to read it from. */
export const VERSION = "0.1.0";
