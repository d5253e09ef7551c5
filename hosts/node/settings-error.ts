/** What is wrong with a user's settings: a line for each fault. */
export class SettingsError extends Error {}
