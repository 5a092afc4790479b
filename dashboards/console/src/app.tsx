// The frame: session, navigation, live stream, and the page that the address names.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { all, ApiFailure, get, post, whenSessionIsOver } from "./api.ts";
import { AppContext, type Context, texts } from "./context.tsx";
import { listen, type LiveState } from "./live.ts";
import type { Lang } from "./logic/format.ts";
import { gathered } from "./logic/gather.ts";
import { setZone } from "./logic/zone.ts";
import { AdminPage } from "./pages/admin.tsx";
import { CityPage } from "./pages/city.tsx";
import { CostsPage } from "./pages/costs.tsx";
import { DecisionsPage } from "./pages/decisions.tsx";
import { DevicePage } from "./pages/device.tsx";
import { DevicesPage } from "./pages/devices.tsx";
import { DraftPage } from "./pages/draft.tsx";
import { DutyPage } from "./pages/duty.tsx";
import { EvaluationPage } from "./pages/evaluation.tsx";
import { IncidentPage } from "./pages/incident.tsx";
import { IncidentsPage } from "./pages/incidents.tsx";
import { LoginPage } from "./pages/login.tsx";
import { NoticesPage } from "./pages/notices.tsx";
import { RulesPage } from "./pages/rules.tsx";
import { ShadowPage } from "./pages/shadow.tsx";
import { SilencesPage } from "./pages/silences.tsx";
import { StatusPage } from "./pages/status.tsx";
import { TrialsPage } from "./pages/trials.tsx";
import { VersionsPage } from "./pages/versions.tsx";
import { WorkPage } from "./pages/work.tsx";
import { Frame } from "./parts/frame.tsx";
import { Toasts, useToasts } from "./parts/toasts.tsx";
import { parsePlace, type Place } from "./router.ts";
import { chime } from "./sound.ts";
import type { Case, Kind, Me, Status } from "./types.ts";
import type { Notices } from "./types_duty.ts";

/** Pages of open cases that are loaded; more than 5,000 open cases are no list for a person. */
const CASE_PAGES = 5;
/** How often the gateway is asked how it is, and how long it may take to say so, in milliseconds. */
const STATUS_MS = 10_000;
const ANSWER_MS = 8_000;
/** In a storm of news the list is drawn this often at most, in milliseconds. */
const GATHER_MS = 250;

function storedLang(): Lang {
  return localStorage.getItem("gengfu.lang") === "en" ? "en" : "zh";
}

export function App() {
  const [lang, setLang] = useState<Lang>(storedLang);
  const [me, setMe] = useState<Me | null | undefined>(undefined);
  const [failure, setFailure] = useState<string | null>(null);
  const switchLang = (): void => {
    const next: Lang = lang === "zh" ? "en" : "zh";
    localStorage.setItem("gengfu.lang", next);
    setLang(next);
  };
  useEffect(() => {
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    // Within, the title tells of the alarm that waits.
    if (me === null || me === undefined) document.title = texts(lang).t("app.name");
  }, [lang, me]);
  const ask = useCallback(() => {
    setFailure(null);
    get<Me>("/api/v1/me").then(setMe, (error: unknown) => {
      if (error instanceof ApiFailure && error.status === 401) setMe(null);
      else setFailure(texts(storedLang()).t("app.unreachable"));
    });
  }, []);
  useEffect(() => {
    whenSessionIsOver(() => setMe(null));
    ask();
  }, [ask]);
  if (failure !== null) {
    return (
      <main class="login">
        <p class="bad">{failure}</p>
        <button onClick={ask}>{texts(lang).t("app.retry")}</button>
      </main>
    );
  }
  if (me === undefined) return null;
  if (me === null) return <LoginPage lang={lang} switchLang={switchLang} entered={ask} />;
  return <Signed key={me.name} me={me} lang={lang} switchLang={switchLang} left={() => setMe(null)} />;
}

function usePlace(): Place {
  const [place, setPlace] = useState<Place>(() => parsePlace(location.hash));
  useEffect(() => {
    const changed = (): void => setPlace(parsePlace(location.hash));
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return place;
}

function Signed(props: { me: Me; lang: Lang; switchLang: () => void; left: () => void }) {
  const { me, lang } = props;
  const place = usePlace();
  const [kinds, setKinds] = useState<Map<string, Kind>>(new Map());
  const [skewMs, setSkew] = useState(0);
  const [live, setLive] = useState<LiveState>("connecting");
  const [cases, setCases] = useState<Map<string, Case>>(new Map());
  const [epoch, setEpoch] = useState(0);
  const [status, setStatus] = useState<Status | null>(null);
  const [reachable, setReachable] = useState(true);
  const [unread, setUnread] = useState(0);
  const listeners = useRef(new Set<(name: string, data: unknown) => void>());
  const { toasts, tell } = useToasts();

  const onEvent = useCallback((listener: (name: string, data: unknown) => void) => {
    listeners.current.add(listener);
    return () => {
      listeners.current.delete(listener);
    };
  }, []);

  useEffect(() => {
    get<{ kinds: Kind[] }>("/api/v1/catalogue").then(
      (catalogue) => setKinds(new Map(catalogue.kinds.map((kind) => [kind.name, kind]))),
      () => undefined,
    );
    const look = (): void => {
      get<Status>("/api/v1/status", ANSWER_MS).then(
        (answer) => {
          setZone(answer.time_zone);
          setStatus(answer);
          setSkew(Date.parse(answer.clock) - Date.now());
          setReachable(true);
        },
        // A stream whose network is gone without a word stays silent: this finds it.
        (failure: unknown) => setReachable(!(failure instanceof ApiFailure && failure.status === 0)),
      );
    };
    look();
    const timer = window.setInterval(look, STATUS_MS);
    window.addEventListener("online", look);
    window.addEventListener("offline", look);
    return () => {
      window.clearInterval(timer);
      window.removeEventListener("online", look);
      window.removeEventListener("offline", look);
    };
  }, []);

  const lookUnread = useCallback(() => {
    get<Notices>("/api/v1/notifications?limit=1").then((answer) => setUnread(answer.unread), () => undefined);
  }, []);

  useEffect(() => {
    const reload = (): void => {
      setEpoch((old) => old + 1);
      lookUnread();
      all<Case>("/api/v1/cases", { open: "true", limit: 1_000 }, CASE_PAGES).then(
        (open) => {
          setCases((old) => {
            // What came over the stream while the list was on its way is newer.
            const next = new Map(open.map((item) => [item.id, item]));
            for (const [id, item] of old) {
              const loaded = next.get(id);
              if (loaded !== undefined && item.updated > loaded.updated) next.set(id, item);
            }
            return next;
          });
        },
        () => undefined,
      );
    };
    const news = gathered<Case>((items) => {
      setCases((old) => {
        const next = new Map(old);
        for (const item of items) next.set(item.id, item);
        return next;
      });
    }, GATHER_MS);
    const stop = listen({
      state: setLive,
      opened: reload,
      event: (name, data) => {
        if (name.startsWith("case.")) {
          news.put(data as Case);
        } else if (name === "notification") {
          lookUnread();
          chime();
        }
        for (const listener of listeners.current) listener(name, data);
      },
    });
    return () => {
      stop();
      news.stop();
    };
  }, [reachable]);

  const logout = (): void => {
    post("/api/v1/logout", {}).then(props.left, props.left);
  };
  const context: Context = useMemo(
    () => ({ lang, me, kinds, skewMs, live: reachable ? live : "broken", cases, unread, lookUnread, epoch, onEvent, tell }),
    [lang, me, kinds, skewMs, live, reachable, cases, unread, lookUnread, epoch, onEvent, tell],
  );
  return (
    <AppContext.Provider value={context}>
      <Frame place={place} status={status} switchLang={props.switchLang} logout={logout}>
        <Shown place={place} />
      </Frame>
      <Toasts toasts={toasts} />
    </AppContext.Provider>
  );
}

function Shown({ place }: { place: Place }) {
  switch (place.page) {
    case "incidents":
      return place.id === null ? <IncidentsPage /> : <IncidentPage key={place.id} id={place.id} />;
    case "duty":
      return <DutyPage id={place.id} search={place.search} />;
    case "notices":
      return <NoticesPage search={place.search} />;
    case "silences":
      return <SilencesPage id={place.id} search={place.search} />;
    case "decisions":
      return <DecisionsPage search={place.search} />;
    case "devices":
      return place.id === null ? <DevicesPage /> : <DevicePage key={place.id} id={place.id} />;
    case "rules":
      return <RulesPage id={place.id} line={Number(place.search.get("line") ?? 0)} />;
    case "draft":
      return <DraftPage id={place.id} search={place.search} />;
    case "trials":
      return <TrialsPage id={place.id} />;
    case "shadow":
      return <ShadowPage />;
    case "costs":
      return <CostsPage />;
    case "versions":
      return <VersionsPage id={place.id} search={place.search} />;
    case "city":
      return <CityPage id={place.id} />;
    case "admin":
      return <AdminPage id={place.id} search={place.search} />;
    case "evaluation":
      return <EvaluationPage />;
    case "status":
      return <StatusPage />;
    default:
      return <WorkPage selected={place.id} />;
  }
}
