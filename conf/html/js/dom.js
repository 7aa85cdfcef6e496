// Elements, icons, and what speaks to the person: status, notice, question.
// Knows nothing of films.

import { t } from './messages.js';

// h('button', {class: 'x', onclick: f, disabled: true}, 'text', child): null and
// false, as a property or as a child, are left out.
export function h(tag, props, ...kids) {
	const el = document.createElement(tag);
	for (const [name, v] of Object.entries(props ?? {})) {
		if (v == null || v === false) continue;
		if (name.startsWith('on')) el.addEventListener(name.slice(2), v);
		else el.setAttribute(name, v === true ? '' : v);
	}
	el.append(...kids.flat().filter((k) => k != null && k !== false));
	if (props?.value != null) el.value = props.value;
	return el;
}

const shapes = {
	up: 'M6 15l6-6 6 6', down: 'M6 9l6 6 6-6', x: 'M7 7l10 10M17 7L7 17',
	grip: 'M9 7h.01M15 7h.01M9 12h.01M15 12h.01M9 17h.01M15 17h.01',
	note: 'M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z',
	film: 'M4 5h16v14H4zM4 9.7h16M4 14.3h16M9 5v14M15 5v14',
	add: 'M12 16V5M7 10l5-5 5 5M5 19h14',
};

export function icon(name) {
	const ns = 'http://www.w3.org/2000/svg';
	const svg = document.createElementNS(ns, 'svg');
	const path = document.createElementNS(ns, 'path');
	svg.setAttribute('viewBox', '0 0 24 24');
	svg.setAttribute('aria-hidden', 'true');
	svg.classList.add('icon');
	path.setAttribute('d', shapes[name]);
	svg.append(path);
	return svg;
}

// A button that shows an icon and says `label`.
export const iconButton = (name, label, onclick, props) =>
	h('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, onclick, ...props }, icon(name));

export const button = (label, onclick, props) => h('button', { type: 'button', onclick, ...props }, label);

let serial = 0;
export const newId = () => `n${++serial}`;

// A label over its control.
export function field(label, control, hint) {
	control.id ||= newId();
	const note = hint && h('small', { id: newId() }, hint);
	if (note) control.setAttribute('aria-describedby', note.id);
	return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, note);
}

// For screen readers; the same text twice is said twice.
export function say(text) {
	const el = document.getElementById('status');
	el.textContent = el.textContent === text ? `${text}\u00a0` : text;
}

let fading;

// For everybody, at the lower edge: bad news stays until it is dismissed or the
// next comes, good news goes.
export function notice(text, bad) {
	const el = document.getElementById('notice');
	clearTimeout(fading);
	el.replaceChildren(text ? h('div', null, h('p', null, text), iconButton('x', t('dismiss'), () => notice())) : '');
	if (text && !bad) fading = setTimeout(notice, 6000);
}

// True if the person agrees.
export function sure(text, yes) {
	return new Promise((done) => {
		const box = h('dialog', { 'aria-label': text, onclose: () => { box.remove(); done(box.returnValue === 'yes'); } }, h('p', null, text),
			h('form', { method: 'dialog', class: 'row end' }, h('button', { value: '' }, t('keep')), h('button', { value: 'yes', class: 'danger' }, yes)));
		document.body.append(box);
		box.showModal();
	});
}

// Runs it, and tells what went wrong.
export const tried = (work) => work().catch((e) => notice(e.message, true));

// To another view; again: even if it is the one that is shown.
export function go(where, again) {
	if (again && location.hash === `#/${where}`) dispatchEvent(new Event('hashchange'));
	else location.hash = `#/${where}`;
}

export const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
