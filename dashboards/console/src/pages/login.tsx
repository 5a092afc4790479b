// Logging in. The session is a cookie that scripts cannot read.

import { useState } from "preact/hooks";
import { ApiFailure, post } from "../api.ts";
import { texts } from "../context.tsx";
import type { Lang } from "../logic/format.ts";
import { failureText } from "../parts/bits.tsx";

export function LoginPage({ lang, switchLang, entered }: { lang: Lang; switchLang: () => void; entered: () => void }) {
  const words = texts(lang);
  const { t } = words;
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setFailure(null);
    try {
      await post("/api/v1/login", { user: data.get("user"), password: data.get("password") });
      entered();
    } catch (error) {
      const code = error instanceof ApiFailure ? error.code : "";
      const seconds = error instanceof ApiFailure ? (error.hint?.match(/\d+/)?.[0] ?? "") : "";
      setFailure(
        code === "wrong_credentials" ? t("login.wrong")
        : code === "too_many" ? t("login.tooMany", { seconds })
        : failureText(error, words),
      );
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <h1>
          <img src="/icon.svg" alt="" width="36" height="36" /> {t("app.name")}
        </h1>
        <p class="dim">{t("app.subtitle")}</p>
        <label>
          {t("login.user")}
          <input name="user" autocomplete="username" required autoFocus />
        </label>
        <label>
          {t("login.password")}
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {failure !== null && <p class="bad" role="alert">{failure}</p>}
        <button class="main" disabled={busy}>
          {t("login.submit")}
        </button>
        <button type="button" class="plain" onClick={switchLang}>
          {t("app.switch")}
        </button>
      </form>
    </main>
  );
}
