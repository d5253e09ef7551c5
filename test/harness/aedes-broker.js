/**
 * aedes as a program, as its documentation sets it up, with one user:
 *
 *     node aedes-broker.js PORT USER PASSWORD
 */
import { createServer } from "node:net";
import { Aedes } from "aedes";

/** CONNACK of MQTT 3.1.1. */
const BAD_USER_NAME_OR_PASSWORD = 4;

const [port, user, password] = process.argv.slice(2);
const broker = await Aedes.createBroker({
	authenticate: (_client, givenUser, givenPassword, done) => {
		if (givenUser === user && String(givenPassword) === password) return done(null, true);
		done(Object.assign(new Error("bad user name or password"), { returnCode: BAD_USER_NAME_OR_PASSWORD }), false);
	},
});
createServer(broker.handle).listen(Number(port), "127.0.0.1", () => console.log("listening"));
