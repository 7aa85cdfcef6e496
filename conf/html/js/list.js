// What a person has: films, and the work that was done for them.

import { call, get, over } from './api.js';
import { button, go, h, icon, tried } from './dom.js';
import { m, when } from './messages.js';
import { watch } from './progress.js';
import { act, deletion, nameOf, result, stateText } from './show.js';

// A list that is fetched page by page; one(item) draws an item.
async function paged(title, kind, path, empty, one) {
	const list = h(`ul.${kind}`);
	const rest = h('div');
	const load = async (cursor) => {
		const page = await get(`${path}limit=12${cursor ? `&cursor=${cursor}` : ''}`);
		list.append(...page.items.map(one));
		rest.replaceChildren(page.next_cursor ? button(m.more, () => tried(() => load(page.next_cursor))) : list.firstChild ? '' : h('p.empty', empty));
	};
	await load();
	return h('section', h('h2', title), list, rest);
}

// [element, stop]
export async function listView() {
	const films = new Map();
	const stops = [];

	const film = (c) => {
		const name = nameOf(c);
		films.set(c.id, c);
		return h('li', h('a', { href: `#/films/${c.id}` }, h('div.stage', icon('video'),
			c.results?.['poster.jpg'] && h('img', { src: result(c.job_id, 'poster.jpg'), alt: '', loading: 'lazy' })), h('bdi', name)),
		h('small', `${stateText(c)} · ${when(c.created_at)}`),
		h('div.row', act(m.edit, name, async () => go(`edit/${c.id}`), '.plain'), deletion(name, `compositions/${c.id}`, () => go('films'))));
	};

	const job = (j) => {
		const name = nameOf(films.get(j.subject));
		const state = h('small');
		const tools = h('div.row');
		const row = h('li', h('a.grow', { href: `#/films/${j.subject}` }, h('bdi', name), state), tools);
		const post = (label, what) => act(label, name, async () => draw(await call('POST', `jobs/${j.id}/${what}`)), '.plain');
		const remove = deletion(name, `jobs/${j.id}`, () => row.remove());
		let stop = null;

		function draw(e) {
			const ended = over(e.status);
			state.textContent = `${stateText(e)} · ${when(j.created_at)}`;
			if (row.dataset.state !== e.status) tools.replaceChildren(...ended ? [e.status === 'completed' ? '' : post(m.retry, 'retry'), remove] : [post(m.cancel, 'cancel')]);
			row.dataset.state = e.status;
			if (ended) { stop?.(); stop = null; } else stop ??= watch(j.id, { event: draw, end: draw });
		}

		stops.push(() => stop?.());
		draw(j);
		return row;
	};

	const made = await paged(m.films, 'films', 'compositions?', m.noFilms, film);
	return [h('div', h('h1', { tabindex: -1 }, m.films), made, await paged(m.work, 'jobs', 'jobs?kind=composition&', m.noWork, job)), () => stops.forEach((f) => f())];
}
