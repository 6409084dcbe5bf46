/** The daemon's web page: a client of the same RPC that remote controls use. */
import { render } from "preact";
import { App } from "./app.tsx";
import { adoptToken } from "./rpc.ts";
import { refresh } from "./state.ts";

adoptToken();
render(<App />, document.getElementById("app")!);
refresh();
