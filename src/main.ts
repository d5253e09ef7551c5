/** The program's entry: takes what the host gives and starts the station. */
import host from "host";
import { start } from "./start.js";

export default () => start(host);
