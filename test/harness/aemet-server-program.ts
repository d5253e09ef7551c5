/** Plays AEMET in a network of its own, for a page; prints where. The newest observation has the values that the page shows. */
import { AemetServer } from "./aemet-server.ts";

const server = await AemetServer.start();
server.answers.endsWithLast = true;
process.stdout.write(`${server.origin}\n`);
