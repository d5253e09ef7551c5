/** The program's entry: takes the ports from the host and starts the station. */
import host from "host";
import { start } from "./start.js";

export default () => start(host);
