/** The program's entry: takes the host's ports and starts the station. */
import host from "host";
import { start } from "./start.js";

export default () => start(host);
