// One clip or sound: its picture, upload, fields, buttons and errors.

import {base, uid} from './api.js'
import {button, h, icon, iconButton} from './dom.js'
import {lengthOf, playsFor} from './film.js'
import {bytes, duration, fill, m, percent} from './messages.js'

function thumb({kind, file, url}) {
	const src = file ? url : base + url
	const picture = kind === 'image' ? h('img', {src, alt: ''}) : h('video', {src: `${src}#t=0.1`, preload: 'metadata', playsinline: true, 'aria-hidden': 'true'})
	picture.addEventListener('error', () => picture.remove())
	return h('div.thumb', icon(kind), kind !== 'audio' && picture)
}

// act: what the buttons do: move(by), remove(), again()
export function makeRow(item, act) {
	const {name, kind} = item
	const state = h('small')
	const bar = h('progress', {'aria-label': `${m.upload}: ${name}`, max: 1})
	const again = button(m.tryAgain, act.again)
	const error = h('p.error', {id: uid()})
	const part = h('i')
	const kept = h('div.kept', part)
	const length = h('small')
	const fields = h('div.fields')
	const tool = (shape, what) => iconButton(shape, `${m[shape === 'x' ? 'remove' : shape]}: ${name}`, what)
	const up = tool('up', () => act.move(-1))
	const down = tool('down', () => act.move(1))
	const x = tool('x', act.remove)
	const inputs = {}

	const input = (pointer, key, label, props, event) => {
		const el = h('input', {'aria-label': `${name}: ${label}`, 'aria-describedby': error.id, min: 0, value: item[key], ...props,
			[event]: () => {
				const n = el.valueAsNumber
				item[key] = n >= 0 ? n : key === 'out' ? null : 0
				if (key === 'out' && Math.abs(n - lengthOf(item)) < 0.01) item.out = null
				el.removeAttribute('aria-invalid')
				update()
			}})
		inputs[pointer] = el
		fields.append(h('label', h('span', label), el))
	}
	const seconds = (pointer, key, label) => input(pointer, key, label, {type: 'number', step: 0.1, max: 3600, inputmode: 'decimal'}, 'onchange')

	if (kind === 'video') {seconds('in_point', 'in', m.from); seconds('out_point', 'out', m.to)}
	if (kind === 'image') seconds('duration', 'seconds', m.show)
	if (kind === 'audio') input('volume', 'volume', m.volume, {type: 'range', step: 0.05, max: 1}, 'oninput')
	fields.append(length)

	const el = h('li.item', h('span.grip', icon('grip')), thumb(item),
		h('div.what', h('div.name', h('bdi', name), state, again), bar, kept, fields, error), h('div.tools', up, down, x))

	function update() {
		const left = Math.ceil((item.next - Date.now()) / 1000)
		const all = lengthOf(item)
		const ready = item.status === 'ready'
		const sent = item.sent / item.size || 0
		el.dataset.state = item.status
		state.textContent = {
			waiting: left > 0 ? fill(m.again, left) : m.waiting, uploading: fill(m.uploading, percent(sent)), probing: m.probing, failed: m.failed,
			ready: [bytes(item.size), all && duration(all)].filter(Boolean).join(' · '),
		}[item.status]
		bar.hidden = !['waiting', 'uploading'].includes(item.status)
		bar.value = sent
		again.hidden = item.status !== 'failed' || !item.file
		error.textContent = item.error || item.flaw || ''
		fields.hidden = !ready
		kept.hidden = !ready || kind !== 'video'
		length.textContent = kind === 'audio' ? percent(item.volume) : duration(playsFor(item))
		if (kept.hidden) return
		inputs.in_point.value = item.in
		inputs.out_point.value = item.out ?? Math.round(all * 100) / 100
		part.style.insetInlineStart = `${100 * item.in / all}%`
		part.style.insetInlineEnd = `${100 - 100 * (item.out ?? all) / all}%`
	}

	update()
	return {
		el,
		update,
		place(first, last) {up.disabled = first; down.disabled = last},
		errors(list) {
			item.flaw = list.map(e => e.detail).join('; ')
			update()
			for (const [key, control] of Object.entries(inputs)) {
				control.toggleAttribute('aria-invalid', list.some(e => e.pointer.endsWith(`/${key}`)))
			}
		},
		// by: the button that moved it; else the field in error, or any button
		focus(by) {[by < 0 && up, by > 0 && down, el.querySelector('[aria-invalid]'), up, down, x].find(b => b && !b.disabled).focus()},
	}
}
