// The doc comment of a rule in the reader's language: its paragraphs may be in both.

/** Whether a paragraph is Chinese: names of fields and units do not make it English. */
function isChinese(paragraph: string): boolean {
  const chinese = paragraph.match(/[\u4e00-\u9fff]/g)?.length ?? 0;
  const latin = paragraph.match(/[A-Za-z]/g)?.length ?? 0;
  return chinese * 3 > latin;
}

/** The paragraphs of a doc comment in a language, each as one line; all of them if none is. */
export function docIn(doc: string, lang: "zh" | "en"): string[] {
  const paragraphs = doc.split("\n\n").filter((paragraph) => paragraph.trim() !== "");
  const own = paragraphs.filter((paragraph) => isChinese(paragraph) === (lang === "zh"));
  return (own.length > 0 ? own : paragraphs).map(joined);
}

/** Lines of Latin letters are joined by a space, lines of Chinese by nothing. */
function joined(paragraph: string): string {
  return paragraph.replace(/([\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])/g, "$1").replace(/\n/g, " ");
}
