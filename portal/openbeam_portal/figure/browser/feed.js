// Updates of a run as they happen (server-sent events), through cut connections. No DOM here.

const PAUSES = [1000, 2000, 4000, 8000, 15000];
// So many refusals in a row mean that the address itself is stale (a ticket that ran out), not the line.
const PATIENCE = 3;

/**
 * Listen at `url`. `tell` has `update(data)`, `end(data)`, `line(open)` and `stale()`. `tools` stands in for the
 * browser's EventSource and timers. Returns a function that stops listening.
 */
export function listen(url, tell, tools = globalThis) {
  let source = null;
  let timer = 0;
  let refusals = 0;
  let over = false;

  const stop = () => {
    over = true;
    tools.clearTimeout(timer);
    source?.close();
  };
  const heard = (event, then) => {
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    refusals = 0;
    then(data);
  };
  const again = () => {
    if (over) return;
    tell.line(false);
    // A source that is not closed reconnects by itself, and says where it left off.
    if (source.readyState !== 2) return;
    refusals += 1;
    if (refusals === PATIENCE) tell.stale();
    timer = tools.setTimeout(open, PAUSES[Math.min(refusals, PAUSES.length) - 1]);
  };
  function open() {
    source?.close();
    source = new tools.EventSource(url);
    source.onopen = () => tell.line(true);
    source.onerror = again;
    source.addEventListener("update", (event) => heard(event, tell.update));
    source.addEventListener("end", (event) =>
      heard(event, (data) => {
        stop();
        tell.end(data);
      }),
    );
  }
  open();
  return stop;
}
