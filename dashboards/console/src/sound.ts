// A short sound for a new critical case, for those who switched it on. Made here: nothing is fetched.

const KEY = "gengfu.sound";

export function soundIsOn(): boolean {
  return localStorage.getItem(KEY) === "on";
}

export function switchSound(): boolean {
  const on = !soundIsOn();
  localStorage.setItem(KEY, on ? "on" : "off");
  if (on) chime();
  return on;
}

let audio: AudioContext | null = null;

/** Two soft tones, if sound is on. A browser that was not clicked yet stays silent. */
export function chime(): void {
  if (!soundIsOn()) return;
  audio ??= new AudioContext();
  const start = audio.currentTime;
  for (const [delay, pitch] of [
    [0, 660],
    [0.18, 880],
  ] as const) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start + delay);
    volume.gain.exponentialRampToValueAtTime(0.15, start + delay + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + delay + 0.35);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + delay);
    tone.stop(start + delay + 0.4);
  }
}
