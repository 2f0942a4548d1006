// Where samples come from: the server that draws them, or the samples in this file.
"use strict";

/** Asks the server; samples come one by one as they are drawn. */
class LiveSource {
  constructor(pane, number) {
    this.pane = pane;
    this.number = number;
  }

  /** Call `each` with every sample, until all are there or the signal says to stop. */
  async wall(setting, start, count, each, signal) {
    const answer = await fetch(this.address("wall", setting, { start, count }), { signal });
    if (!answer.ok) throw new Error((await answer.json()).error);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const found = JSON.parse(line);
        if (found.error) throw new Error(found.error);
        if (found.tile) each(found);
      }
    }
  }

  /** Return the voxels of a volume. */
  async volume(setting, index) {
    const answer = await fetch(this.address("volume", setting, { index }));
    if (!answer.ok) throw new Error((await answer.json()).error);
    return new Uint8Array(await answer.arrayBuffer());
  }

  file(setting, index, kind) { return this.address("file", setting, { index, kind }); }

  address(what, setting, more) {
    const { channel, labels, ...asked } = setting;
    const words = new URLSearchParams({ setting: JSON.stringify(asked), channel, ...more });
    if (labels) words.set("labels", "1");
    return `${this.number}/${what}?${words}`;
  }
}

/** Looks up samples that were drawn beforehand: those nearest to what is asked for. */
class FrozenSource {
  constructor(pane) { this.pane = pane; }

  async wall(setting, start, count, each) {
    const found = this.nearest(setting.condition).slice(start, start + count);
    found.forEach((sample, i) => each({ ...sample, index: start + i }));
  }

  nearest(condition) {
    const { samples, columns } = this.pane;
    const far = (sample) => {
      const told = sample.asked ?? sample.row;
      return columns.reduce((sum, { name, levels, low, high }) => {
        if (!(name in condition)) return sum + (sample.asked && name in told ? 1e6 : 0);
        if (!(name in told)) return sum + 1e6;
        if (levels.length) return sum + (told[name] === condition[name] ? 0 : 1e3);
        return sum + Math.abs(told[name] - condition[name]) / (high - low);
      }, 0);
    };
    const distances = samples.map(far);
    const order = samples.map((_, i) => i).sort((a, b) => distances[a] - distances[b] || a - b);
    const best = distances[order[0]];
    const kept = samples[0].asked ? order.filter((i) => distances[i] <= best) : order.filter((i) => distances[i] < 1e3);
    return kept.map((i) => samples[i]);
  }
}
