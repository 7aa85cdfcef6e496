// Schemas: following $ref, showing what a value looks like, and an example of one.

import { el } from './dom.js';

const files = new Map();                        // URL without fragment -> document

// Reads a document and those that it names; they lie beside it.
export async function load(url) {
  if (files.has(url)) return files.get(url);
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  const text = await answer.text();
  const doc = JSON.parse(text);
  files.set(url, doc);
  const names = new Set([...text.matchAll(/"\$ref": *"([^"#]+)/g)].map((m) => m[1]));
  await Promise.all([...names].map((n) => load(new URL(n, url).href)));
  mark(doc, url);
  return doc;
}

// Where each $ref stands, so that it can be followed from anywhere.
function mark(value, url) {
  if (Array.isArray(value)) value.forEach((v) => mark(v, url));
  else if (value && typeof value === 'object') {
    if (typeof value.$ref === 'string') value.$ref = new URL(value.$ref, url).href;
    Object.values(value).forEach((v) => mark(v, url));
  }
}

// The value behind a $ref, with the members beside it; other values as they are.
export function follow(value) {
  if (!value || typeof value.$ref !== 'string') return value;
  const { $ref, ...beside } = value;
  const [file, pointer = ''] = $ref.split('#');
  let target = files.get(file);
  for (const step of pointer.split('/').slice(1)) {
    target = target?.[decodeURIComponent(step).replace(/~1/g, '/').replace(/~0/g, '~')];
  }
  return { name: nameOf($ref), ...follow(target ?? {}), ...beside };
}

function nameOf(ref) {
  const last = ref.split(/[/#]/).pop();
  return last.replace(/\.schema\.json$/, '');
}

// An example value: one that is given, else one put together.
export function exampleOf(schema, depth = 0) {
  const s = follow(schema);
  if (!s || typeof s !== 'object' || depth > 8) return null;
  if (s.examples?.length) return s.examples[0];
  if ('default' in s) return s.default;
  if ('const' in s) return s.const;
  const words = s.enum ?? s['x-extensible-enum'];
  if (words) return words[0];
  const one = s.oneOf ?? s.anyOf;
  if (one) return exampleOf(one[0], depth + 1);
  switch ([].concat(s.type)[0]) {
    case 'object':
      return Object.fromEntries((s.required ?? Object.keys(s.properties ?? {}))
        .map((k) => [k, exampleOf(s.properties?.[k], depth + 1)]));
    case 'array': return [exampleOf(s.items, depth + 1)];
    case 'integer': case 'number': return s.minimum ?? 0;
    case 'boolean': return false;
    case 'string':
      return { uuid: '00000000-0000-4000-8000-000000000000', 'date-time': '2026-01-01T00:00:00.000Z' }[s.format] ?? '';
    default: return null;
  }
}

// "integer, 1 to 100", "string (uuid) or null", ...
export function typeText(s) {
  const words = s.enum ?? s['x-extensible-enum'];
  const said = [];
  if ('const' in s) said.push(JSON.stringify(s.const));
  else if (words) said.push(words.map((w) => JSON.stringify(w)).join(', ') + (s.enum ? '' : ', …'));
  else if (s.type) said.push([].concat(s.type).join(' or ') + (s.format ? ` (${s.format})` : ''));
  const low = s.minimum ?? s.exclusiveMinimum ?? s.minLength ?? s.minItems;
  const high = s.maximum ?? s.exclusiveMaximum ?? s.maxLength ?? s.maxItems;
  const unit = 'maxLength' in s || 'minLength' in s ? ' characters' : 'maxItems' in s || 'minItems' in s ? ' items' : '';
  if (low !== undefined && high !== undefined) said.push(`${low} to ${high}${unit}`);
  else if (low !== undefined) said.push(`${'exclusiveMinimum' in s ? 'more than' : 'from'} ${low}${unit}`);
  else if (high !== undefined) said.push(`at most ${high}${unit}`);
  if (s.pattern) said.push(`as ${s.pattern}`);
  if ('default' in s) said.push(`default ${JSON.stringify(s.default)}`);
  return said.join(', ');
}

// A schema as nested lists; what is deep can be opened.
export function show(schema, depth = 0) {
  const s = follow(schema);
  if (s === true || !s || typeof s !== 'object') return el('p', {}, 'anything');
  const parts = [];
  if (s.description && depth === 0) parts.push(el('p', {}, s.description));
  const choices = s.oneOf ?? s.anyOf;
  if (s.properties) {
    parts.push(el('ul', { class: 'members' }, Object.entries(s.properties)
      .filter(([, v]) => v !== false)
      .map(([k, v]) => member(k, v, s.required?.includes(k), depth))));
  }
  if (s.additionalProperties && typeof s.additionalProperties === 'object') {
    parts.push(el('ul', { class: 'members' }, member('(any name)', s.additionalProperties, false, depth)));
  }
  if (s.items) parts.push(el('ul', { class: 'members' }, member('(each)', s.items, false, depth)));
  if (choices && !s.properties) {
    parts.push(el('ul', { class: 'members' }, choices.map((c) => member('(one of)', c, false, depth))));
  }
  if (s.else && s.then && !s.properties) {
    parts.push(el('ul', { class: 'members' }, [s.then, s.else].map((c) => member('(either)', c, false, depth))));
  }
  if (!parts.length || depth === 0 && !s.properties && !choices) parts.unshift(el('p', { class: 'type' }, typeText(s)));
  return el('div', { class: 'schema' }, parts);
}

function member(name, schema, required, depth) {
  const s = follow(schema);
  const head = [el('code', {}, name), required ? el('span', { class: 'required' }, 'required') : null,
    el('span', { class: 'type' }, s === true ? 'anything' : typeText(s ?? {})),
    s?.description ? el('span', { class: 'about' }, s.description) : null];
  const deeper = s && typeof s === 'object' && (s.properties || s.items || s.oneOf || s.anyOf || s.else
    || typeof s.additionalProperties === 'object');
  if (!deeper || depth > 7) return el('li', {}, head);
  const box = el('details', {}, el('summary', {}, head));
  box.addEventListener('toggle', () => {          // made when it is looked at
    if (box.open && box.children.length === 1) box.append(show(schema, depth + 1));
  });
  return el('li', {}, box);
}
