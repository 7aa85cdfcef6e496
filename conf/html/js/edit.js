// The view in which a film is put together: what was added, in which order, how
// much of it; checked and handed in. rows.js draws an item, jsonmode.js the text.

import { call, get, uid } from './api.js';
import { button, field, go, h, icon, newId, notice, say, sure } from './dom.js';
import { assetIds, fromDocument, newFilm, ownerOf, sizes, toDocument } from './film.js';
import { jsonMode } from './jsonmode.js';
import { bytes, count, duration, percent, t } from './messages.js';
import { makeRow } from './rows.js';
import { sortable } from './sort.js';
import * as uploads from './uploads.js';

let film = newFilm();
let json = null;                    // the JSON mode, while it is on
let view = null;                    // kept while other views are shown
let account = null;
let attempt = null;                 // Idempotency-Key: [document, key]

export const setAccount = (a) => { account = a; };

const both = () => [...film.clips, ...film.sounds];
const listOf = (item) => (item.kind === 'audio' ? film.sounds : film.clips);

// ---- adding

function addFiles(files) {
	let room = account?.quota_bytes ? account.quota_bytes - (account.used_bytes ?? 0) : Infinity;
	const refused = [];
	for (const file of files) {
		const kind = uploads.kindOf(file);
		const why = !kind ? 'notMedia' : !file.size ? 'empty' : file.size > room ? 'tooLarge' : null;
		if (why) { refused.push(t(why, file.name, bytes(Math.max(0, room)))); continue; }
		room -= file.size;
		const item = { file, kind, name: file.name || kind, size: file.size, url: URL.createObjectURL(file),
			in: 0, out: null, seconds: 4, volume: kind === 'audio' ? 0.6 : 1 };
		listOf(item).push(item);
		uploads.enqueue(item);
		say(t('added', item.name));
	}
	notice(refused.join(' '), true);
	draw();
}

// Files may come from anywhere on the page, and a view that is not this one.
export function takeDrops(show) {
	let depth = 0;
	const over = (on) => document.body.classList.toggle('over', on);
	const has = (e) => e.dataTransfer?.types.includes('Files');
	const take = (files) => { show(); addFiles([...files]); };

	addEventListener('dragenter', (e) => { if (has(e)) { depth++; over(true); } });
	addEventListener('dragleave', (e) => { if (has(e) && --depth <= 0) { depth = 0; over(false); } });
	addEventListener('dragover', (e) => { if (has(e)) e.preventDefault(); });
	addEventListener('drop', (e) => {
		depth = 0;
		over(false);
		if (!has(e)) return;
		e.preventDefault();
		if (account) take(e.dataTransfer.files);
	});
	addEventListener('paste', (e) => {
		const files = e.clipboardData?.files;
		if (account && files?.length) { e.preventDefault(); take(files); }
	});
	addEventListener('beforeunload', (e) => { if (uploads.totals().active) e.preventDefault(); });
}

// ---- drawing

const rowOf = (item) => (item.row ??= makeRow(item, {
	move: (by) => move(item, listOf(item).indexOf(item) + by, by),
	remove: () => remove(item),
	again: () => uploads.enqueue(item),
	changed: () => view.checked.replaceChildren(),
}));

function draw() {
	if (!view) return;
	for (const [list, items] of [[view.clips, film.clips], [view.sounds, film.sounds]]) {
		list.replaceChildren(...items.map((i) => rowOf(i).el));
		list.nextElementSibling.hidden = items.length > 0;
		items.forEach((i, n) => rowOf(i).place(n, items.length));
	}
	drawTotal();
	view.start.hidden = !film.id && !both().length && !json;
	view.render.textContent = film.id ? t('renderAgain') : t('render');
	view.form.hidden = !!json;
	view.jsonBox.hidden = !json;
	view.mode.textContent = json ? t('asForm') : t('asJson');
	json?.files(both());
}

function drawTotal() {
	const { files, done, size, sent, active } = uploads.totals();
	view.total.hidden = !active;
	view.bar.value = size ? sent / size : 0;
	view.bar.textContent = percent(view.bar.value);
	view.totalText.textContent = uploads.busyFor() ? t('pausedFor', uploads.busyFor())
		: t('uploadsState', done, files, bytes(sent), bytes(size));
}

function move(item, to, by) {
	const list = listOf(item);
	if (to < 0 || to >= list.length) return;
	list.splice(list.indexOf(item), 1);
	list.splice(to, 0, item);
	draw();
	rowOf(item).focus(by);
	say(t('moved', item.name, to + 1, list.length));
}

function remove(item) {
	const list = listOf(item);
	const at = list.indexOf(item);
	list.splice(at, 1);
	uploads.drop(item);
	if (item.file) URL.revokeObjectURL(item.url);
	draw();
	const next = list[Math.min(at, list.length - 1)];
	if (next) rowOf(next).focus(0); else view.choose.focus();
	say(t('removed', item.name));
}

uploads.onChange((item) => {
	if (!view) return;
	if (item?.row) item.row.update();
	drawTotal();
	if (item?.status === 'ready') json?.files(both());
	if (item?.status === 'failed' && !item.told) {
		item.told = true;
		say(`${item.name}: ${item.error}`);
	}
});

// ---- checking and handing in

function clearErrors() {
	both().forEach((i) => rowOf(i).errors([]));
	view.titleError.textContent = '';
	view.problems.replaceChildren();
	view.checked.replaceChildren();
	json?.errors([]);
}

// The document to send, or null after saying why there is none.
async function ready() {
	clearErrors();
	notice();
	if (uploads.totals().active) {
		say(t('waitUploads'));
		view.checked.replaceChildren(h('p', null, t('waitUploads')));
		await uploads.idle();
		view.checked.replaceChildren();
	}
	if (json) return json.read();
	if (!film.clips.length) { notice(t('needOne'), true); return null; }
	const failed = both().find((i) => i.status === 'failed');
	if (failed) { notice(t('fixUploads'), true); rowOf(failed).focus(0); return null; }
	return toDocument(film);
}

// The server's errors, each at its place.
function showErrors(e, made, first = true) {
	const errors = e.errors.map((x) => ({ ...x, pointer: x.pointer.replace(/^\/config(?=\/)/, '') }));
	if (!errors.length) { notice(e.message, true); return; }
	if (json) { json.errors(errors); return; }

	const general = [];
	const byItem = new Map();
	for (const x of errors) {
		const owner = ownerOf(made.places, x.pointer);
		if (owner === 'title') view.titleError.textContent = x.detail;
		else if (owner) byItem.set(owner, [...(byItem.get(owner) ?? []), x]);
		else general.push(x);
	}
	byItem.forEach((list, item) => rowOf(item).errors(list));
	view.problems.replaceChildren(h('p', null, t('needFix')), h('ul', null, [...byItem].flatMap(([item, list]) =>
		list.map((x) => h('li', null, t('actionOn', item.name, x.detail)))), general.map((x) => h('li', null, `${x.pointer} ${x.detail}`))));
	if (first && byItem.size) rowOf([...byItem.keys()][0]).focus();
}

// One at a time; the buttons stay where they are, and focusable.
let working = false;

async function once(work) {
	if (working) return;
	working = true;
	view.actions.setAttribute('aria-busy', 'true');
	try { await work(); } finally {
		working = false;
		view?.actions.removeAttribute('aria-busy');
	}
}

const check = () => once(async () => {
	const made = await ready();
	if (!made) return;
	view.checked.replaceChildren(h('p', null, t('checking')));
	try {
		const r = await call('POST', 'compositions/validate', made.text ?? made.document);
		const modes = Object.entries(r.segments?.by_mode ?? {}).map(([k, n]) => `${count(n)} ${k}`).join(', ');
		view.checked.replaceChildren(
			h('p', null, h('strong', null, t('fine')), ' ', t('checked', duration(r.duration), count(r.frames),
				count(r.segments?.total ?? 0) + (modes && ` (${modes})`), duration(r.cost ?? 0))),
			r.warnings?.length ? h('ul', null, r.warnings.map((w) => h('li', null, `${w.pointer} ${w.detail}`))) : null);
	} catch (e) {
		view.checked.replaceChildren();
		showErrors(e, made);
	}
});

const render = () => once(async () => {
	const made = await ready();
	if (!made) return;
	const text = made.text ?? JSON.stringify(made.document);
	if (attempt?.[0] !== text) attempt = [text, uid()];
	try {
		const id = film.id;
		const answer = id
			? await call('PATCH', `compositions/${id}`, `{"config":${text}}`, film.etag && { 'If-Match': film.etag })
			: await call('POST', 'compositions', text, { 'Idempotency-Key': attempt[1] });
		reset();
		go(`films/${answer.composition_id ?? id}`);
	} catch (e) {
		if (e.status && e.status !== 409) attempt = null;
		showErrors(e, made);
	}
});

// ---- one film after another

function reset() {
	uploads.clear();
	both().forEach((i) => i.file && URL.revokeObjectURL(i.url));
	film = newFilm();
	json = null;
	attempt = null;
	view = null;
}

export const forget = reset;

async function startOver() {
	if (!await sure(t('startOverAsk'), t('startOver'))) return;
	reset();
	go('', true);
}

// Loads what is known of a document's sources, and shows it in the form if the
// form can hold all of it.
async function load(document, text) {
	const found = await Promise.all(assetIds(document).map((id) => get(`videos/${id}`).catch(() => null)));
	const here = new Map(both().filter((i) => i.asset).map((i) => [i.asset.id, i]));
	const items = new Map(found.filter(Boolean).map((a) => [a.id, {
		kind: a.kind, name: a.title || a.filename, size: a.bytes, status: a.status, error: a.error, asset: a,
		url: `videos/${a.id}/stream`, ...here.get(a.id), row: null }]));
	const loaded = fromDocument(document, items);
	if (loaded) return Object.assign(loaded, { id: film.id, etag: film.etag });
	if (text === undefined) openJson(JSON.stringify(document, null, 2));
	notice(t('notForm'), false);
	return null;
}

export async function edit(composition) {
	reset();
	const loaded = await (build(), load(composition.config));
	if (loaded) film = loaded;
	film.id = composition.id;
	view = null;
}

function openJson(text) {
	json = jsonMode(text);
}

async function switchMode() {
	if (!json) {
		openJson(JSON.stringify(toDocument({ ...film, clips: film.clips.filter((c) => c.asset),
			sounds: film.sounds.filter((c) => c.asset) }).document, null, 2));
		film.asJson = json.text();
	} else if (json.text() === film.asJson) {
		json = null;
	} else {
		const made = json.read();
		const loaded = made && await load(JSON.parse(made.text), made.text);
		if (!loaded) return;
		film = loaded;
		json = null;
	}
	view = null;
	go('', true);
}

// ---- the view

function picker(label, attributes, props) {
	const input = h('input', { type: 'file', class: 'quiet', tabindex: '-1', 'aria-label': label, ...attributes,
		onchange: () => { addFiles([...input.files]); input.value = ''; } });
	return [input, button(label, () => input.click(), props)];
}

function section(title, kind, empty) {
	const id = newId();
	const list = h(kind === 'clips' ? 'ol' : 'ul', { class: 'items', 'aria-labelledby': id });
	sortable(list, (from, to) => move(film[kind][from], to));
	return [list, h('section', null, h('h2', { id }, title), list, h('p', { class: 'empty' }, empty))];
}

function build() {
	const v = {};
	view = v;
	const [filesInput, choose] = picker(t('choose'), { multiple: true, accept: 'video/*,image/*,audio/*' }, { class: 'primary' });
	const [cameraInput, camera] = picker(t('camera'), { accept: 'video/*,image/*', capture: 'environment' }, { class: 'camera' });
	v.choose = choose;
	v.bar = h('progress', { max: '1', 'aria-label': t('uploads') });
	v.totalText = h('span');
	v.total = h('div', { class: 'total', hidden: true }, v.bar, v.totalText);
	const [clips, clipSection] = section(t('clips'), 'clips', t('noClips'));
	const [sounds, soundSection] = section(t('sounds'), 'sounds', t('noSounds'));
	v.clips = clips;
	v.sounds = sounds;

	const option = (value, label, on) => h('option', { value, selected: on }, label);
	const title = h('input', { type: 'text', maxlength: '120', autocomplete: 'off', value: film.title,
		oninput: () => { film.title = title.value.trim(); } });
	const shown = h('input', { type: 'checkbox', checked: film.showTitle, onchange: () => { film.showTitle = shown.checked; } });
	const between = h('select', { onchange: () => { film.fade = between.value === 'fade'; } },
		option('fade', t('fade'), film.fade), option('none', t('none'), !film.fade));
	const size = h('select', { onchange: () => { film.size = size.value; } },
		Object.keys(sizes).map((k) => option(k, t(k), film.size === k)));
	v.titleError = h('p', { class: 'error', id: newId() });
	const titleField = field(t('title'), title);
	title.setAttribute('aria-describedby', v.titleError.id);

	v.form = h('div', { class: 'columns' },
		h('div', null, clipSection, soundSection),
		h('section', { class: 'card settings' }, h('h2', null, t('film')), titleField, v.titleError,
			h('label', { class: 'check' }, shown, t('showTitle')), field(t('between'), between), field(t('size'), size)));
	v.jsonBox = h('div', null, json?.el);
	v.problems = h('div', { class: 'problems', role: 'alert' });
	v.checked = h('div', { class: 'checked', role: 'status' });
	v.render = button(t('render'), render, { class: 'primary' });
	v.start = button(t('startOver'), startOver, { class: 'plain' });
	v.mode = button('', switchMode, { class: 'plain' });
	v.actions = h('div', { class: 'actions' }, v.checked, v.problems, h('div', { class: 'row' }, v.render,
		button(t('check'), check), h('span', { class: 'grow' }), v.mode, v.start));
	v.el = h('div', null, h('h1', { tabindex: '-1' }, film.id ? film.title || t('untitled') : t('make')),
		h('div', { class: 'drop' }, icon('add'), h('p', null, h('strong', null, t('dropLead')), h('span', null, t('dropHint'))),
			h('div', { class: 'row' }, filesInput, choose, cameraInput, camera)),
		v.total, v.form, v.jsonBox, v.actions);
	return v;
}

export function editView() {
	if (!view) build();
	draw();
	return view.el;
}
