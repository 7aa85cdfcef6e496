// The composition as a text: what is wrong with it is a list, and an entry of
// that list selects its place.

import { h, button, field } from './dom.js';
import { lineOf, locate, placeOf, SyntaxFault } from './json.js';
import { t } from './messages.js';

export function jsonMode(initial) {
	const area = h('textarea', { class: 'code', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', dir: 'ltr', rows: '24', value: initial });
	const list = h('ul', { class: 'faults' });
	const box = h('div', { class: 'problems', role: 'alert', hidden: true }, h('p', null, t('needFix')), list);
	const assets = h('ul', { class: 'assets' });
	const assetBox = h('section', { hidden: true }, h('h2', null, t('files')), assets);

	const select = (start, end) => {
		const line = parseFloat(getComputedStyle(area).lineHeight);
		area.focus();
		area.setSelectionRange(start, Math.max(end, start + 1));
		area.scrollTop = (lineOf(area.value, start) - 4) * line;
	};

	const show = (faults) => {
		box.hidden = !faults.length;
		area.toggleAttribute('aria-invalid', faults.length > 0);
		list.replaceChildren(...faults.map(({ at: [start, end], pointer, detail }) => h('li', null,
			button([h('span', null, t('line', lineOf(area.value, start))), ' ', pointer && h('code', null, pointer), ' ', detail],
				() => select(start, end), { class: 'fault' }))));
	};

	return {
		el: h('div', null, field(t('json'), area), box, assetBox),
		text: () => area.value,
		// {text}, or null after showing where it is no JSON
		read() {
			try {
				locate(area.value);
				show([]);
				return { text: area.value };
			} catch (e) {
				if (!(e instanceof SyntaxFault)) throw e;
				show([{ at: [e.at, e.at + 1], detail: e.message }]);
				select(e.at, e.at + 1);
				return null;
			}
		},
		errors(errors) {
			const places = errors.length ? locate(area.value) : null;
			show(errors.map((x) => ({ ...x, at: placeOf(places, x.pointer) })));
			list.querySelector('button')?.focus();
		},
		// What was uploaded, to be named in the text.
		files(items) {
			const usable = items.filter((i) => i.asset);
			assetBox.hidden = !usable.length;
			assets.replaceChildren(...usable.map((i) => h('li', null, h('bdi', null, i.name), ' ', h('code', null, i.asset.src), ' ',
				button(t('insert', i.name), () => {
					area.setRangeText(i.asset.src, area.selectionStart, area.selectionEnd, 'end');
					area.focus();
				}, { class: 'small' }))));
		},
	};
}
