/** Why a port cannot be listened at, for people, by the system's codes. */
export const PORT_PROBLEMS: Readonly<Record<string, string>> = {
	EADDRINUSE: "another program has this port",
	EACCES: "the system gives this port to its administrator only",
};
