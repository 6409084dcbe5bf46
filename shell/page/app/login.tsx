/** Asks for the token, or the user name and password, when the address had none that is accepted. */
import { useState } from "preact/hooks";
import { usePassword, useToken } from "./rpc.ts";

export function Login({ onDone }: { readonly onDone: () => void }) {
  const [isPassword, setPassword] = useState(false);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    if (isPassword) usePassword(text("user"), text("password"));
    else useToken(text("token"));
    onDone();
  };
  return (
    <form class="login" onSubmit={submit}>
      <h1>tt</h1>
      {isPassword
        ? (
          <>
            <label>
              User name<input name="user" autocomplete="username" required autofocus />
            </label>
            <label>
              Password<input
                name="password"
                type="password"
                autocomplete="current-password"
                required
              />
            </label>
          </>
        )
        : (
          <label>
            Token<input name="token" type="password" autocomplete="off" required autofocus />
          </label>
        )}
      <p class="hint">
        {isPassword
          ? "As given to tt daemon."
          : "On a terminal tt daemon prints this page's address with the token, which is in the file token " +
            "of its state folder, too."}
      </p>
      <div class="buttons">
        <button type="button" onClick={() => setPassword(!isPassword)}>
          {isPassword ? "Use the token" : "Use a password"}
        </button>
        <button type="submit" class="primary">Open</button>
      </div>
    </form>
  );
}
