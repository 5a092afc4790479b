// Short sounds, for those who switched them on: two soft tones for news, and a call that is hard to sleep through
// for the critical case that nobody has taken over. Made here: nothing is fetched.

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

/** Tones of a sound: when, how high in Hz, how loud. A browser that was not clicked yet stays silent. */
function play(tones: readonly (readonly [delay: number, pitch: number])[], loud: number): void {
  if (!soundIsOn()) return;
  audio ??= new AudioContext();
  void audio.resume();
  const start = audio.currentTime;
  for (const [delay, pitch] of tones) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start + delay);
    volume.gain.exponentialRampToValueAtTime(loud, start + delay + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + delay + 0.35);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + delay);
    tone.stop(start + delay + 0.4);
  }
}

/** Two soft tones. */
export function chime(): void {
  play([[0, 660], [0.18, 880]], 0.15);
}

/** Three pairs, loud. */
export function alarm(): void {
  play([0, 0.5, 1].flatMap((at) => [[at, 740], [at + 0.2, 988]] as const), 0.4);
}
