// One film: how far it is, then the film itself, and who may watch it.

import { base, call, get, over } from './api.js';
import { drawBlurHash } from './blurhash.js';
import { button, field, go, h, notice, say, sure, tried } from './dom.js';
import { duration, percent, t } from './messages.js';
import { watch } from './progress.js';

export const nameOf = (film) => film.title || t('untitled');
export const result = (job, name) => `${base}results/${job}/${name}`;

export const stateText = (e) => [t(`status_${e.status}`), e.status === 'processing' && percent(e.percent / 100),
	e.status === 'processing' && e.eta_s > 0 && t('eta', duration(e.eta_s))].filter(Boolean).join(', ');

export const remove = async (film) => await sure(t('deleteAsk', nameOf(film)), t('delete'))
	&& tried(async () => {
		await call('DELETE', `compositions/${film.id}`);
		go('films', true);
		notice(t('deleted'));
	});

// Answers [element, stop].
export async function showView(id) {
	const film = await get(`compositions/${id}`);
	const canvas = h('canvas', { width: 32, height: 18, hidden: true });
	const stage = h('div', { class: 'stage' }, canvas);
	const text = h('p');
	const bar = h('progress', { max: '100', 'aria-label': t('percentOf', nameOf(film)) });
	const why = h('p', { class: 'error' });
	const tools = h('div', { class: 'row' });
	const shared = h('div');
	let preview, told, stop;

	const act = (what) => tried(async () => { await call('POST', `jobs/${film.job_id}/${what}`); stop(); begin(); });

	function event(e) {
		const step = `${e.status}${Math.floor(e.percent / 25)}`;
		text.textContent = stateText(e);
		bar.value = e.percent ?? 0;
		bar.hidden = over(e.status);
		if (step !== told) say(stateText(e));
		told = step;
		if (e.blurhash && canvas.hidden) canvas.hidden = !drawBlurHash(e.blurhash, canvas);
		if (e.preview_url && !preview) {
			preview = h('img', { src: result(film.job_id, 'preview.jpg'), alt: t('preview') });
			stage.append(preview);
		}
		why.textContent = e.status === 'failed' ? e.error?.detail ?? e.error?.code : '';
		tools.replaceChildren(e.status === 'failed' || e.status === 'cancelled' ? button(t('retry'), () => act('retry'), { class: 'primary' }) : '',
			over(e.status) ? button(t('edit'), () => go(`edit/${id}`)) : button(t('cancel'), () => act('cancel')),
			over(e.status) ? button(t('delete'), () => remove(film), { class: 'plain danger' }) : '');
	}

	function end(job) {
		event(job);
		if (job.status !== 'completed') return;
		const src = result(job.id, 'final');
		stage.replaceChildren(h('video', { src, controls: true, playsinline: true, preload: 'metadata', 'aria-label': t('player', nameOf(film)),
			poster: job.results['poster.jpg'] && result(job.id, 'poster.jpg') }));
		tools.prepend(h('a', { class: 'button primary', href: src, download: `${nameOf(film)}.mp4` }, t('download')));
		share();
	}

	function share() {
		const link = h('input', { readonly: true, dir: 'ltr', onfocus: () => link.select() });
		const row = h('div', { class: 'row end' }, h('div', { class: 'grow' }, field(t('shareLink'), link)), button(t('copy'), async () => {
			link.select();
			await (navigator.clipboard?.writeText(link.value) ?? document.execCommand('copy'));
			notice(t('copied'));
		}));
		const draw = () => {
			row.hidden = !film.share_url;
			link.value = film.share_url ? location.origin + base.slice(0, -1) + film.share_url : '';
		};
		const choice = (v) => h('label', { class: 'check' }, h('input', { type: 'radio', name: 'visibility', value: v, checked: film.visibility === v,
			onchange: () => tried(async () => { Object.assign(film, await call('PATCH', `compositions/${id}`, { visibility: v })); draw(); }) }), t(v));
		draw();
		shared.replaceChildren(h('fieldset', { class: 'card' }, h('legend', null, t('share')), ['private', 'link', 'public'].map(choice), row));
	}

	function begin() {
		preview = told = null;
		stop = watch(film.job_id, { event, end, lost: (on) => on && (text.textContent = t('reconnecting')) });
	}

	begin();
	return [h('div', null, h('h1', { tabindex: '-1' }, nameOf(film)), stage, h('div', { class: 'row' }, text, bar), why, tools, shared), () => stop()];
}
