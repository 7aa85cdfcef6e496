// The page at /docs: openapi.json, made readable. It knows OpenAPI, and nothing of this API.

import { el } from './dom.js';
import { exampleOf, follow, load, show, typeText } from './schema.js';
import { form } from './try.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const $ = (id) => document.getElementById(id);

function* operations(spec) {
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of METHODS) {
      if (item[method]) yield { path, method, op: item[method] };
    }
  }
}

function badge(method) { return el('span', { class: `method ${method}` }, method.toUpperCase()); }

function who(spec, op) {
  const needs = op.security ?? spec.security ?? [];
  if (!needs.length) return 'anyone';
  const names = needs.flatMap((n) => Object.keys(n));
  return `${needs.some((n) => !Object.keys(n).length) ? 'anyone where it is shared, else ' : ''}who is signed in (${names.join(', ')})`;
}

function parameters(op) {
  const rows = (op.parameters ?? []).map(follow).map((p) => el('tr', {},
    el('td', {}, el('code', {}, p.name), p.required ? el('span', { class: 'required' }, 'required') : null),
    el('td', {}, p.in), el('td', {}, typeText(follow(p.schema ?? {})), p.description ? el('span', { class: 'about' }, p.description) : null)));
  return rows.length ? [el('h4', {}, 'Parameters'), el('div', { class: 'wide' }, el('table', {}, el('tbody', {}, rows)))] : [];
}

function content(entries) {
  return Object.entries(entries ?? {}).filter(([k]) => k !== '*/*').map(([kind, entry]) => {
    const schema = follow(entry.schema);
    const binary = schema.contentMediaType || kind === 'text/html';
    const example = 'example' in entry ? entry.example : /json$/.test(kind) ? exampleOf(entry.schema) : undefined;
    return el('div', { class: 'content' }, el('p', {}, el('code', {}, kind), schema.name ? ` ${schema.name}` : ''),
      binary ? null : show(entry.schema), entry['x-event'] ? [el('p', {}, 'data of each event:'), show(entry['x-event'])] : null,
      example !== undefined && example !== null ? el('details', {}, el('summary', {}, 'Example'),
        el('pre', { tabindex: 0 }, JSON.stringify(example, null, 2))) : null);
  });
}

function answers(op) {
  return [el('h4', {}, 'Answers'), ...Object.entries(op.responses).map(([status, r]) => {
    const a = follow(r);
    const names = Object.keys(a.headers ?? {});
    return el('details', { class: 'response' },
      el('summary', {}, el('span', { class: `code c${status[0]}` }, status), ` ${a.description}`),
      names.length ? el('p', { class: 'about' }, `Headers: ${names.join(', ')}`) : null, content(a.content),
      a['x-message'] ? [el('p', {}, 'Each text frame:'), show(a['x-message'])] : null);
  })];
}

function operation(spec, { path, method, op }) {
  const box = el('details', { class: 'operation', id: op.operationId },
    el('summary', {}, badge(method), el('code', { class: 'path' }, path), el('span', {}, op.summary)));
  // most are never opened, so each is made when it is
  box.addEventListener('toggle', () => {
    if (!box.open || box.children.length > 1) return;
    const other = op['x-alias-of'];
    box.append(el('div', { class: 'inside' }, op.description ? el('p', {}, op.description) : null,
      other ? el('p', {}, 'The same as ', el('a', { href: `#${other}` }, other), '.') : null,
      el('p', { class: 'about' }, `Who: ${who(spec, op)}.`), parameters(op),
      op.requestBody ? [el('h4', {}, 'Body'), content(follow(op.requestBody).content)] : null, answers(op),
      el('h4', {}, 'Try it'), form(method, path, op)));
  });
  return box;
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let n = 0;
  for (const node of document.querySelectorAll('[data-words]')) {
    node.hidden = !words.every((w) => node.dataset.words.includes(w));
    if (!node.hidden && node.classList.contains('operation')) n++;
  }
  for (const group of document.querySelectorAll('.group')) {
    group.hidden = !group.querySelector('[data-words]:not([hidden])');
  }
  $('status').textContent = words.length ? `${n} found` : '';
}

function toAnchor() {
  const node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!node?.classList.contains('operation')) return;
  node.open = true;
  node.scrollIntoView();
  node.querySelector('summary').focus({ preventScroll: true });
}

async function start() {
  const spec = await load(new URL('openapi.json', document.baseURI).href);
  document.title = `${spec.info.title}: the API`;
  document.querySelector('h1').textContent = spec.info.title;
  $('summary').textContent = `${spec.info.summary ?? ''} ${spec.info.version}`;
  const all = [...operations(spec)];
  for (const tag of spec.tags) {
    const mine = all.filter(({ op }) => op.tags.includes(tag.name));
    const boxes = mine.map((o) => operation(spec, o));
    const links = mine.map(({ path, method, op }) => el('li', {}, el('a', { href: `#${op.operationId}` }, badge(method), el('span', {}, path))));
    mine.forEach(({ path, method, op }, i) => {
      const words = `${method} ${path} ${op.operationId} ${op.summary} ${tag.name}`.toLowerCase();
      boxes[i].dataset.words = links[i].dataset.words = words;
    });
    $('operations').append(el('section', { class: 'group', 'aria-labelledby': `tag-${tag.name}` },
      el('h2', { id: `tag-${tag.name}` }, tag.name), el('p', {}, tag.description), boxes));
    $('index').append(el('div', { class: 'group' }, el('h2', {}, tag.name), el('ul', {}, links)));
  }
  $('operations').prepend(el('p', { class: 'intro' }, spec.info.description, ' ', el('a', { href: 'openapi.json' }, 'openapi.json')));
  $('filter').addEventListener('input', () => filter($('filter').value));
  addEventListener('hashchange', toAnchor);
  addEventListener('keydown', (e) => {
    if (e.key === '/' && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
      e.preventDefault();
      $('filter').focus();
    }
  });
  toAnchor();
}

start().catch((e) => { $('operations').append(el('p', { class: 'bad', role: 'alert' }, `The contract cannot be read: ${e.message}`)); });
