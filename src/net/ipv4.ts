/** A number from 0 to 255, without leading zeros: to C's functions they are octal. */
const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
/** A regular expression as a text: XS (SDK 8.2.3) spoils its heap when it uses a preloaded one. */
export const IPV4 = `^(?:${BYTE}\\.){3}${BYTE}$`;

/** Why an address leads nowhere, if it is what filters answer for a name that they block; to Linux it is this machine. */
export function blocked(address: string): string | undefined {
	const isNone = address === "0.0.0.0" || address === "::";
	return isNone ? `its address is ${address}: something blocks this name` : undefined;
}

/** Whether it is an IPv4 address in decimal numbers, such as 192.168.1.20. */
export function isIPv4(text: string): boolean {
	return new RegExp(IPV4).test(text);
}
