import { SntpClient } from "../../../hosts/esp32/ntp-client.ts";
import { deepEqual, equal, test, throws } from "../../harness/harness.ts";

type Callback = (message: number, value?: number | string) => void;

/** A stand-in for the SDK's class; `early` is what happens before its constructor returns. */
function client(early: (callback: Callback) => void = () => {}) {
	const log: string[] = [];
	let callback: Callback | undefined;
	class SNTP {
		static readonly time = 1;
		static readonly error = -1;

		constructor({ host }: { host: string }, onMessage: Callback) {
			log.push(`ask ${host}`);
			// A name of another server would make the SDK's class go on.
			callback = (message, value) => equal((onMessage as (...values: unknown[]) => unknown)(message, value), undefined);
			early(callback);
		}

		close() {
			log.push("close");
		}
	}
	const client = new SntpClient({ sntp: SNTP, host: "time.example" });
	return {
		log,
		close: () => client.close(),
		ask: () => client.getTime((error, time) => log.push(error ? `error: ${error.message}` : `time ${time}`)),
		tell: (message: number, value?: number | string) => callback?.(message, value),
	};
}

const RETRY = 2;

test("the time that the server tells comes in milliseconds", () => {
	const { log, ask, tell } = client();
	ask();
	tell(1, 1_795_000_000);
	deepEqual(log, ["ask time.example", "time 1795000000000"]);
});

test("a time after January 2038, of which the SDK makes a negative number, is the right one", () => {
	const { log, ask, tell } = client();
	ask();
	tell(1, Date.UTC(2040, 0, 1) / 1_000 - 2 ** 32);
	deepEqual(log, ["ask time.example", `time ${Date.UTC(2040, 0, 1)}`]);
});

test("that the SDK asks again is nobody's concern; that it gives up is an error with its reason", () => {
	const { log, ask, tell } = client();
	ask();
	tell(RETRY);
	tell(-1, "no response from SNTP server");
	deepEqual(log, ["ask time.example", "error: no response from SNTP server"]);
});

test("an error without a reason is one all the same", () => {
	const { log, ask, tell } = client();
	ask();
	tell(-1);
	deepEqual(log, ["ask time.example", "error: no answer"]);
});

test("a request is answered once", () => {
	const { log, ask, tell } = client();
	ask();
	tell(1, 1_795_000_000);
	tell(1, 1_795_000_001);
	tell(-1, "late");
	deepEqual(log, ["ask time.example", "time 1795000000000"]);
});

test("closing ends a request under way, after which nothing is told", () => {
	const { log, ask, tell, close } = client();
	ask();
	close();
	tell(1, 1_795_000_000);
	close();
	deepEqual(log, ["ask time.example", "close"]);
});

test("closing does no harm before a request, and after one, which the SDK closes itself", () => {
	const { log, ask, tell, close } = client();
	close();
	ask();
	tell(-1, "no response from SNTP server");
	close();
	ask();
	tell(1, 1_795_000_000);
	close();
	deepEqual(log, ["ask time.example", "error: no response from SNTP server", "ask time.example", "time 1795000000000"]);
});

test("a name that cannot be resolved at once is an error like any other", () => {
	const { log, ask, close } = client((callback) => callback(-1, "cannot resolve time.example"));
	ask();
	close();
	deepEqual(log, ["ask time.example", "error: cannot resolve time.example"]);
});

test("a socket that cannot be had is thrown", () => {
	const { log, ask, close } = client(() => {
		throw new Error("no socket");
	});
	throws(ask, /^no socket$/);
	close();
	deepEqual(log, ["ask time.example"]);
});
