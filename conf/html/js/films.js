// One film, while it is made and after; the list of films and of the work on them.

import {base, call, get, over} from './api.js'
import {drawBlurHash} from './blurhash.js'
import {button, field, go, h, icon, notice, say, tried} from './dom.js'
import {duration, fill, m, percent, when} from './messages.js'
import {watch} from './progress.js'

const nameOf = film => film?.title || m.untitled
const result = (job, name) => `${base}results/${job}/${name}`
const act = (label, name, what, kind) => {
	const b = button(label, () => tried(what), kind)
	b.ariaLabel = `${label}: ${name}`
	return b
}

const stateText = e => [m[e.status === 'failed' ? 'jobfailed' : e.status], ...(e.status === 'processing'
	? [percent(e.percent / 100), e.eta_s > 0 && fill(m.eta, duration(e.eta_s))] : [])].filter(Boolean).join(', ')

const deletion = (name, path, done) => act(m.delete, name, async () => {
	if (!confirm(fill(m.sure, name))) return
	await call('DELETE', path)
	done()
}, '.plain.danger')

// [element, stop]
export async function showView(id) {
	const film = await get(`compositions/${id}`)
	const name = nameOf(film)
	const canvas = h('canvas', {width: 32, height: 18, hidden: true})
	const stage = h('div.stage', canvas)
	const text = h('p')
	const bar = h('progress', {max: 100, 'aria-label': name})
	const why = h('p.error')
	const tools = h('div.row')
	const shared = h('div')
	let preview, told, stop, live

	const job = (label, what, kind) => act(label, name, async () => {
		await call('POST', `jobs/${film.job_id}/${what}`)
		stop()
		begin()
	}, kind)

	// a stream is read by a script of the browser's own, also from another origin
	const player = what => h('video', {crossorigin: what === 'live' ? 'anonymous' : null, src: result(film.job_id, what), controls: true, playsinline: true, preload: 'metadata', 'aria-label': name})

	// What is rendered already, for browsers that know streams.
	async function begun() {
		live = h('video').canPlayType('application/x-mpegurl')
		live &&= (await get(`jobs/${film.job_id}`)).results.live && player('live')
		if (live) stage.replaceChildren(live)
	}

	function event(e) {
		const ended = over(e.status)
		const step = e.status + Math.floor(e.percent / 25)
		text.textContent = stateText(e)
		if (step !== told) say(text.textContent)
		bar.value = e.percent ?? 0
		bar.hidden = ended
		if (e.blurhash && canvas.hidden) canvas.hidden = !drawBlurHash(e.blurhash, canvas)
		if (e.preview_url && !preview) {
			preview = h('img', {src: result(film.job_id, 'preview.jpg'), alt: m.preview})
			stage.append(preview)
		}
		if (e.stage === 'package' && !live && !ended) tried(begun)
		why.textContent = e.status === 'failed' ? e.error?.detail : ''
		if (e.status !== told?.replace(/\d.*/, '')) {
			tools.replaceChildren(...ended ? [
				e.status === 'completed' ? h('a.button.primary', {href: `${result(film.job_id, 'final')}?download=${encodeURIComponent(name)}.mp4`, download: `${name}.mp4`}, m.download) : job(m.retry, 'retry', '.primary'),
				act(m.edit, name, async () => go(`edit/${id}`)), deletion(name, `compositions/${id}`, () => go('films')),
			] : [job(m.cancel, 'cancel')])
		}
		told = step
	}

	function end(e) {
		if (e.status !== 'completed') return
		if (!live?.isConnected || live.paused) stage.replaceChildren(player('final'))   // who watches goes on watching
		share()
	}

	function share() {
		const link = h('input', {readonly: true, dir: 'ltr'})
		const row = h('div.row.end', h('div.grow', field(m.shareLink, link)), act(m.copy, m.shareLink, async () => {
			link.select()
			await (navigator.clipboard?.writeText(link.value) ?? document.execCommand('copy'))
			notice(m.copied)
		}))
		const draw = () => {
			row.hidden = !film.share_url
			link.value = location.origin + base.slice(0, -1) + film.share_url
		}
		const change = visibility => tried(async () => {Object.assign(film, await call('PATCH', `compositions/${id}`, {visibility})); draw()})
		draw()
		shared.replaceChildren(h('fieldset.card', h('legend', m.share), ['private', 'link', 'public'].map(value => h('label.check',
			h('input', {type: 'radio', name: 'who', value, checked: film.visibility === value, onchange: () => change(value)}), m[value])), row))
	}

	function begin() {
		preview = told = live = null
		stop = watch(film.job_id, {event, end, lost: () => {text.textContent = m.lost}})
	}

	begin()
	return [h('div', h('h1', {tabindex: -1}, name), stage, h('div.state', text, bar), why, tools, shared), () => stop()]
}

async function paged(title, kind, path, empty, one) {
	const list = h(`ul.${kind}`)
	const rest = h('div')
	const load = async cursor => {
		const page = await get(`${path}limit=12${cursor ? `&cursor=${cursor}` : ''}`)
		list.append(...page.items.map(one))
		rest.replaceChildren(page.next_cursor ? button(m.more, () => tried(() => load(page.next_cursor))) : list.firstChild ? '' : h('p.empty', empty))
	}
	await load()
	return h('section', h('h2', title), list, rest)
}

export async function listView() {
	const films = new Map()

	const film = c => {
		const name = nameOf(c)
		films.set(c.id, c)
		return h('li', h('a', {href: `#/films/${c.id}`}, h('div.stage', icon('video'),
			c.results?.['poster.jpg'] && h('img', {src: result(c.job_id, 'poster.jpg'), alt: '', loading: 'lazy'})), h('bdi', name)),
		h('small', `${stateText(c)} · ${when(c.created_at)}`),
		h('div.row', act(m.edit, name, async () => go(`edit/${c.id}`), '.plain'), deletion(name, `compositions/${c.id}`, () => go('films'))))
	}

	const job = j => {
		const name = nameOf(films.get(j.subject))
		const row = h('li')
		const post = (label, what) => act(label, name, async () => draw(await call('POST', `jobs/${j.id}/${what}`)), '.plain')
		const draw = e => row.replaceChildren(h('a.grow', {href: `#/films/${j.subject}`}, h('bdi', name), h('small', `${stateText(e)} · ${when(j.created_at)}`)),
			over(e.status) ? deletion(name, `jobs/${j.id}`, () => row.remove()) : post(m.cancel, 'cancel'),
			['failed', 'cancelled'].includes(e.status) ? post(m.retry, 'retry') : '')
		draw(j)
		return row
	}

	const made = await paged(m.brand, 'films', 'compositions?', m.noFilms, film)
	return [h('div', h('h1', {tabindex: -1}, m.films), made, await paged(m.work, 'jobs', 'jobs?kind=composition&', m.noWork, job))]
}
