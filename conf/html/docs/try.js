// Trying an operation: a form of its parameters and body, the curl line that does the same, and what
// came back. The token stays in this page's memory; without one, the browser sends its cookie.

import { el } from './dom.js';
import { exampleOf, follow, typeText } from './schema.js';

const base = new URL('.', document.baseURI);
const TEXT = /^(text\/|application\/([\w.-]+\+)?json)/;
const SHOWN = 200000;                           // characters of an answer
const tokenField = () => document.getElementById('token');

const quoted = (s) => `'${s.replace(/'/g, `'\\''`)}'`;

export function form(method, path, op) {
  const fields = (op.parameters ?? []).map(follow).map(field);
  const body = op.requestBody ? bodyFields(follow(op.requestBody)) : null;
  const curl = el('pre', { class: 'curl', tabindex: 0, 'aria-label': 'curl' });
  const out = el('div', { class: 'answer', role: 'region', 'aria-label': 'Answer', 'aria-live': 'polite' });
  const send = el('button', { type: 'submit' }, 'Send');
  const stop = el('button', { type: 'button', hidden: true }, 'Stop');
  const node = el('form', { class: 'try' }, fields.map((f) => f.node), body?.node,
    el('p', { class: 'buttons' }, send, stop), curl, out);

  const draw = () => { curl.textContent = curlLine(method, address(path, fields), fields, body, op); };
  node.addEventListener('input', draw);
  node.addEventListener('change', draw);
  tokenField().addEventListener('input', draw);
  draw();

  node.addEventListener('submit', async (event) => {
    event.preventDefault();
    const control = new AbortController();
    stop.hidden = false;
    send.disabled = true;
    stop.onclick = () => control.abort();
    out.replaceChildren(el('p', {}, 'Waiting …'));
    try {
      const url = address(path, fields);
      if (op.responses['101']) await watch(url, out, control.signal);
      else await request(method, url, fields, body, op, out, control.signal);
    } catch (e) {
      out.append(el('p', { class: 'bad' }, control.signal.aborted ? 'Stopped.' : `No answer: ${e.message}`));
    }
    stop.hidden = true;
    send.disabled = false;
  });
  return node;
}

// ---------------------------------------------------------------- what is sent

function field(p) {
  const s = follow(p.schema ?? {});
  const words = s.enum ?? s['x-extensible-enum'];
  const id = `f${Math.random().toString(36).slice(2)}`;
  const list = words ? el('datalist', { id: `${id}l` }, words.map((w) => el('option', { value: w }))) : null;
  const input = el('input', { id, required: p.required, value: p.required ? p.example ?? '' : '', list: list?.id,
    placeholder: typeText(s), spellcheck: 'false', autocomplete: 'off' });
  return { p, input, node: el('div', { class: 'field' }, el('label', { for: id }, el('code', {}, p.name), ` ${p.in}`), input, list,
    p.description ? el('small', {}, p.description) : null) };
}

function bodyFields(body) {
  const kinds = Object.keys(body.content).filter((k) => k !== '*/*');
  const holder = el('div');
  const state = { kind: kinds[0], value: () => null, required: body.required };
  const choose = el('select', { 'aria-label': 'Content type' }, kinds.map((k) => el('option', { value: k }, k)));
  const draw = () => {
    state.kind = choose.value;
    const entry = body.content[state.kind];
    const schema = follow(entry.schema);
    if (/json$/.test(state.kind)) {
      const text = JSON.stringify(entry.example ?? exampleOf(schema), null, 2);
      const area = el('textarea', { rows: Math.min(24, text.split('\n').length + 1), spellcheck: 'false', 'aria-label': 'Body' });
      area.value = text;
      state.value = () => area.value;
      holder.replaceChildren(area);
    } else if (state.kind.startsWith('multipart/') || state.kind.endsWith('urlencoded')) {
      const inputs = Object.entries(schema.properties ?? {}).map(([k, v]) => {
        const s = follow(v);
        const input = s.type === 'array' ? el('input', { type: 'file', multiple: true }) : el('input', { placeholder: typeText(s),
          type: s.format === 'password' ? 'password' : 'text', autocomplete: 'off' });
        return { k, input, node: el('label', { class: 'field' }, el('code', {}, k), input) };
      });
      state.value = () => inputs.flatMap(({ k, input }) => input.files ? [...input.files].map((f) => [k, f])
        : input.value === '' ? [] : [[k, input.value]]);
      holder.replaceChildren(...inputs.map((i) => i.node));
    } else {
      const input = el('input', { type: 'file', 'aria-label': 'File' });
      state.value = () => input.files[0] ?? null;
      holder.replaceChildren(input);
    }
  };
  choose.addEventListener('change', draw);
  draw();
  state.node = el('fieldset', {}, el('legend', {}, 'Body ', choose), holder);
  return state;
}

function address(path, fields) {
  let said = path;
  const query = new URLSearchParams();
  for (const { p, input } of fields) {
    if (p.in === 'path') {
      const value = encodeURIComponent(input.value || `{${p.name}}`);
      said = said.replace(`{${p.name}}`, p['x-rest'] ? value.replace(/%2F/g, '/') : value.replace(/%7B|%7D/g, (m) => m === '%7B' ? '{' : '}'));
    } else if (p.in === 'query' && input.value !== '') query.set(p.name, input.value);
  }
  const url = new URL(said.slice(1), base);
  url.search = query;
  return url;
}

const headersOf = (fields) => fields.filter(({ p, input }) => p.in === 'header' && input.value !== '').map(({ p, input }) => [p.name, input.value]);

const open = (op) => op.security?.length === 0;

function curlLine(method, url, fields, body, op) {
  if (op.responses['101']) return `wscat -c ${quoted(url.href.replace(/^http/, 'ws'))} -H "Authorization: Bearer $T"`;
  const parts = ['curl -sS'];
  if (method !== 'get' && !(method === 'post' && body)) parts.push(`-X ${method.toUpperCase()}`);
  if (op.responses['302']) parts.push('-L');
  if (op.responses['200']?.content?.['text/event-stream']) parts.push('-N');
  if (!open(op)) parts.push('-H "Authorization: Bearer $T"');
  for (const [k, v] of headersOf(fields)) parts.push(`-H ${quoted(`${k}: ${v}`)}`);
  if (body) {
    const value = body.value();
    if (body.kind.startsWith('multipart/')) {
      const said = value.length ? value : [['file', { name: 'clip.mp4' }]];
      said.forEach(([k, v]) => parts.push(`-F ${quoted(typeof v === 'string' ? `${k}=${v}` : `${k}=@${v.name}`)}`));
    } else if (Array.isArray(value)) value.forEach(([k, v]) => parts.push(`--data-urlencode ${quoted(`${k}=${v}`)}`));
    else if (typeof value === 'string') {
      if (value.trim() !== '') parts.push("-H 'Content-Type: application/json'", `-d ${quoted(value)}`);
    } else parts.push(`--data-binary @${quoted(value?.name ?? 'clip.mp4')}`, `-H 'Content-Type: ${body.kind}'`);
  }
  return `${parts.join(' \\\n  ')} \\\n  ${quoted(url.href)}`;
}

async function request(method, url, fields, body, op, out, signal) {
  const headers = new Headers(headersOf(fields));
  const token = tokenField().value.trim();
  if (token && !open(op)) headers.set('Authorization', `Bearer ${token}`);
  let content;
  const value = body?.value();
  if (value !== undefined && value !== null && value !== '') {
    if (Array.isArray(value)) {
      content = body.kind.startsWith('multipart/') ? new FormData() : new URLSearchParams();
      value.forEach(([k, v]) => content.append(k, v));
    } else {
      content = value;
      headers.set('Content-Type', body.kind);
    }
  }
  const began = performance.now();
  const answer = await fetch(url, { method: method.toUpperCase(), headers, body: content, signal, credentials: 'same-origin', cache: 'no-store' });
  const kind = answer.headers.get('Content-Type') ?? '';
  out.replaceChildren(head(answer, performance.now() - began));
  if (kind.startsWith('text/event-stream')) await stream(answer, out);
  else await content_of(answer, kind, out);
}

// ---------------------------------------------------------------- what came back

function head(answer, ms) {
  const lines = [...answer.headers].map(([k, v]) => `${k}: ${v}`).join('\n');
  return el('div', {}, el('p', { class: answer.ok ? 'good' : 'bad' }, `${answer.status} ${answer.statusText}`, ` in ${Math.round(ms)} ms`,
    answer.redirected ? ` from ${new URL(answer.url).pathname}` : ''),
  el('details', {}, el('summary', {}, 'Headers'), el('pre', { tabindex: 0 }, lines)));
}

async function content_of(answer, kind, out) {
  if (!TEXT.test(kind)) {
    const blob = await answer.blob();
    if (!blob.size) return;
    const link = URL.createObjectURL(blob);
    out.append(el('p', {}, el('a', { href: link, download: new URL(answer.url).pathname.split('/').pop() }, `${blob.size} bytes of ${kind}`)));
    if (kind.startsWith('image/')) out.append(el('img', { src: link, alt: 'what was answered' }));
    if (kind.startsWith('video/')) out.append(el('video', { src: link, controls: true }));
    return;
  }
  const text = await answer.text();
  if (!text) return;
  let shown = text;
  try {
    const value = JSON.parse(text);
    shown = JSON.stringify(value, null, 2);
    if (value?.access_token) {
      out.append(el('p', {}, el('button', { type: 'button', onclick: () => {
        tokenField().value = value.access_token;
        tokenField().dispatchEvent(new Event('input'));
      } }, 'Use this token')));
    }
  } catch { /* shown as it came */ }
  out.append(el('pre', { tabindex: 0 }, shown.length > SHOWN ? `${shown.slice(0, SHOWN)}\n…` : shown));
}

async function stream(answer, out) {
  const pre = el('pre', { tabindex: 0 });
  out.append(pre);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pre.append(value);
  }
  out.append(el('p', {}, 'The stream has ended.'));
}

// A browser's WebSocket sends no header: a token is changed for a ticket first.
async function watch(url, out, signal) {
  const token = tokenField().value.trim();
  if (token) {
    const answer = await fetch(new URL('auth/ticket', base), { method: 'POST', headers: { Authorization: `Bearer ${token}` }, signal });
    if (!answer.ok) {
      out.replaceChildren(head(answer, 0));
      await content_of(answer, answer.headers.get('Content-Type') ?? '', out);
      return;
    }
    url.searchParams.set('ticket', (await answer.json()).ticket);
  }
  const pre = el('pre', { tabindex: 0 });
  out.replaceChildren(pre);
  await new Promise((resolve) => {
    const socket = new WebSocket(url.href.replace(/^http/, 'ws'));
    signal.addEventListener('abort', () => socket.close());
    socket.onmessage = (m) => pre.append(`${m.data}\n`);
    socket.onclose = (c) => {
      out.append(el('p', {}, c.code === 1006 ? 'The server did not take the WebSocket.' : `Closed with ${c.code}.`));
      resolve();
    };
  });
}
