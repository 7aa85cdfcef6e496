// One clip or sound of the film that is being put together: its picture, how far
// its upload is, its fields and buttons, and the errors that are about it.

import { base } from './api.js';
import { drawBlurHash } from './blurhash.js';
import { button, field, h, icon, iconButton, newId } from './dom.js';
import { lengthOf, playsFor } from './film.js';
import { bytes, duration, percent, t } from './messages.js';

// What stands for the item: the file itself where the browser can show it.
function thumb(item) {
	const box = h('div', { class: 'thumb' }, icon(item.kind === 'audio' ? 'note' : 'film'));
	if (item.kind === 'audio') return { box, seek() {} };
	if (item.asset?.blurhash) {
		const canvas = h('canvas', { width: 32, height: 18 });
		if (drawBlurHash(item.asset.blurhash, canvas)) box.append(canvas);
	}
	const src = item.file ? item.url : base + item.url;
	const picture = item.kind === 'image' ? h('img', { src, alt: '' })
		: h('video', { src, preload: 'metadata', playsinline: true, tabindex: '-1', 'aria-hidden': 'true' });
	picture.muted = true;
	picture.addEventListener('error', () => picture.remove());
	picture.addEventListener('loadedmetadata', () => { picture.currentTime = item.in || 0.04; });
	box.append(picture);
	return { box, seek: (s) => { if (picture.readyState) picture.currentTime = s; } };
}

// {el, update(), place(n, of), errors(list), focus(by)}; `act` is told what the
// person wants: move(by), remove(), again(), changed().
export function makeRow(item, act) {
	const { name, kind } = item;
	const picture = thumb(item);
	const state = h('span', { class: 'state' });
	const bar = h('progress', { max: '1', 'aria-label': t('progressOf', name) });
	const again = button(t('tryAgain'), act.again, { class: 'small' });
	const error = h('p', { class: 'error', id: newId() });
	const kept = h('div', { class: 'kept' }, h('i'));
	const up = iconButton('up', t('up', name), () => act.move(-1));
	const down = iconButton('down', t('down', name), () => act.move(1));
	const inputs = {};

	const seconds = (key, label, pointer, min) => {
		const input = h('input', { type: 'number', min, max: '3600', step: '0.1', inputmode: 'decimal',
			'aria-label': t('actionOn', name, label), value: item[key],
			onchange: () => {
				const n = input.valueAsNumber;
				item[key] = Number.isFinite(n) ? n : key === 'out' ? null : 0;
				if (key === 'out' && item.out !== null && Math.abs(item.out - lengthOf(item)) < 0.05) item.out = null;
				picture.seek(key === 'out' ? Math.max(0, n - 0.04) : n || 0);
				input.removeAttribute('aria-invalid');
				update();
				act.changed();
			} });
		inputs[pointer] = input;
		return h('label', null, h('span', null, label), input, h('span', null, t('unit')));
	};

	const length = h('span', { class: 'length' });
	const fields = h('div', { class: 'fields' });
	if (kind === 'video') fields.append(seconds('in', t('from'), 'in_point', '0'), seconds('out', t('to'), 'out_point', '0.1'), length);
	if (kind === 'image') fields.append(seconds('seconds', t('show'), 'duration', '0.1'));
	if (kind === 'audio') {
		const shown = h('output', null, percent(item.volume));
		const volume = h('input', { type: 'range', min: '0', max: '1', step: '0.05', value: item.volume,
			oninput: () => { item.volume = volume.valueAsNumber; shown.textContent = percent(item.volume); act.changed(); } });
		volume.setAttribute('aria-label', t('actionOn', name, t('volume')));
		inputs.volume = volume;
		fields.append(h('label', null, h('span', null, t('volume')), volume, shown), length);
	}

	const el = h('li', { class: 'item' },
		h('span', { class: 'grip', 'data-grip': true, title: t('drag', name) }, icon('grip')),
		picture.box,
		h('div', { class: 'what' }, h('div', { class: 'name' }, h('strong', null, h('bdi', null, name)), state, again), bar, kept, fields, error),
		h('div', { class: 'tools' }, up, down, iconButton('x', t('remove', name), act.remove)));

	function update() {
		const left = Math.ceil((item.next - Date.now()) / 1000);
		const all = lengthOf(item);
		const ready = item.status === 'ready';
		el.dataset.state = item.status;
		state.textContent = {
			waiting: left > 0 ? t('again', left) : t('waiting'),
			uploading: t('uploading', percent(item.size ? item.sent / item.size : 0)),
			probing: t('probing'), failed: t('failed'),
			ready: kind === 'image' ? bytes(item.size) : `${bytes(item.size)} · ${duration(all)}`,
		}[item.status];
		bar.hidden = !['waiting', 'uploading'].includes(item.status);
		bar.value = item.size ? item.sent / item.size : 0;
		again.hidden = item.status !== 'failed' || !item.file;
		if (item.status === 'failed') error.textContent = item.error;
		else if (!el.dataset.wrong) error.textContent = '';
		fields.hidden = !ready;
		kept.hidden = !ready || kind !== 'video';
		if (kind === 'video' && ready) {
			inputs.out_point.value = item.out ?? Math.round(all * 100) / 100;
			inputs.in_point.value = item.in || 0;
			length.textContent = `= ${duration(playsFor(item))}`;
			const cut = kept.firstChild.style;
			cut.insetInlineStart = `${100 * Math.min(1, (item.in || 0) / all)}%`;
			cut.insetInlineEnd = `${100 * Math.max(0, 1 - (item.out ?? all) / all)}%`;
		}
	}

	update();

	return {
		el,
		update,
		place(n, of) { up.disabled = n === 0; down.disabled = n === of - 1; },
		errors(list) {
			el.dataset.wrong = list.length ? '1' : '';
			error.textContent = list.map((x) => x.detail).join('; ');
			for (const [key, input] of Object.entries(inputs)) {
				const mine = list.some((x) => x.pointer.endsWith(`/${key}`));
				if (mine) input.setAttribute('aria-invalid', 'true'); else input.removeAttribute('aria-invalid');
				input.setAttribute('aria-describedby', error.id);
			}
		},
		// by: the button that moved it; 0: any; nothing: the field in error.
		focus(by) {
			const wrong = el.querySelector('[aria-invalid]');
			if (by === undefined) (wrong ?? el.querySelector('input, button')).focus();
			else [by < 0 ? up : down, up, down, el.querySelector('.tools button:last-child')].find((b) => !b.disabled).focus();
		},
	};
}
