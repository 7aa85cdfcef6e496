// What a person has: films, and the work that was done for them.

import { call, get, over } from './api.js';
import { button, go, h, icon, sure, tried } from './dom.js';
import { t, when } from './messages.js';
import { watch } from './progress.js';
import { nameOf, remove, result, stateText } from './show.js';

// A list that is fetched page by page; `one` draws an item.
function paged(title, path, empty, one) {
	const list = h('ul', { class: path === 'compositions?' ? 'films' : 'jobs' });
	const rest = h('div');
	const load = (cursor) => tried(async () => {
		const page = await get(`${path}limit=12${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
		list.append(...page.items.map(one));
		rest.replaceChildren(page.next_cursor ? button(t('more'), () => load(page.next_cursor)) : list.firstChild ? '' : h('p', { class: 'empty' }, empty));
	});
	return [h('section', null, h('h2', null, title), list, rest), load()];
}

// Answers [element, stop].
export async function listView() {
	const names = new Map();
	const stops = [];
	const act = (label, of, onclick, danger) => button(label, onclick, { class: danger ? 'plain danger' : 'plain', 'aria-label': t('actionOn', of, label) });

	const film = (c) => {
		const name = nameOf(c);
		const poster = c.results?.['poster.jpg'];
		names.set(c.id, name);
		return h('li', null, h('a', { href: `#/films/${c.id}` }, h('span', { class: 'stage' }, icon('film'),
			poster && h('img', { src: result(c.job_id, 'poster.jpg'), alt: '', loading: 'lazy' })), h('strong', null, h('bdi', null, name))),
		h('small', null, `${stateText(c)} · ${when(c.created_at)}`),
		h('div', { class: 'row' }, act(t('edit'), name, () => go(`edit/${c.id}`)), act(t('delete'), name, () => remove(c), true)));
	};

	const job = (j) => {
		const name = names.get(j.subject) ?? t('untitled');
		const state = h('span');
		const tools = h('div', { class: 'row' });
		const row = h('li', null, h('div', { class: 'grow' }, h('a', { href: `#/films/${j.subject}` }, h('bdi', null, name)), h('small', null, state, ` · ${when(j.created_at)}`)), tools);
		const follow = () => stops.push(watch(j.id, { event: draw, end: draw }));
		const post = (what) => tried(async () => { draw(await call('POST', `jobs/${j.id}/${what}`)); if (what === 'retry') follow(); });
		const draw = (e) => {
			state.textContent = stateText(e);
			tools.replaceChildren(...over(e.status) ? [
				e.status !== 'completed' && act(t('retry'), name, () => post('retry')),
				act(t('delete'), name, async () => await sure(t('deleteJobAsk'), t('delete'))
					&& tried(async () => { await call('DELETE', `jobs/${j.id}`); row.remove(); }), true),
			].filter(Boolean) : [act(t('cancel'), name, () => post('cancel'))]);
		};
		draw(j);
		if (!over(j.status)) follow();
		return row;
	};

	const [films, loaded] = paged(t('films'), 'compositions?', t('noFilms'), film);
	await loaded;
	const [jobs] = paged(t('work'), 'jobs?kind=composition&', t('noWork'), job);
	return [h('div', null, h('h1', { tabindex: '-1' }, t('films')), films, jobs), () => stops.forEach((f) => f())];
}
