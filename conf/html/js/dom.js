// Elements, icons, and what speaks to the person. Knows nothing of films.

import {m} from './messages.js'

// h('button.small', {onclick: f}, 'text', child); null and false count as absent.
export function h(what, props, ...kids) {
	const [tag, ...classes] = what.split('.')
	const el = document.createElement(tag)
	const given = props?.constructor === Object
	if (classes.length) el.className = classes.join(' ')
	for (const [name, v] of given ? Object.entries(props) : []) {
		if (name.startsWith('on')) el.addEventListener(name.slice(2), v)
		else if (v != null && v !== false) el.setAttribute(name, v === true ? '' : v)
	}
	el.append(...[given || props, kids].flat(2).filter(k => k?.nodeType || typeof k === 'string'))
	if (given && props.value != null) el.value = props.value
	return el
}

const shapes = {
	up: 'M6 15l6-6 6 6', down: 'M6 9l6 6 6-6', x: 'M7 7l10 10M17 7L7 17',
	grip: 'M9 7h.01M15 7h.01M9 12h.01M15 12h.01M9 17h.01M15 17h.01',
	audio: 'M9 18V6l10-2v12M9 18a2 2 0 1 1-5 0 2 2 0 0 1 5 0zM19 16a2 2 0 1 1-5 0 2 2 0 0 1 5 0z',
	video: 'M8 5v14l11-7z',
}
shapes.image = shapes.video

export function icon(name) {
	const [svg, path] = ['svg', 'path'].map(n => document.createElementNS('http://www.w3.org/2000/svg', n))
	svg.setAttribute('viewBox', '0 0 24 24')
	svg.setAttribute('aria-hidden', 'true')
	path.setAttribute('d', shapes[name])
	svg.append(path)
	return svg
}

export const button = (label, onclick, kind = '') => h(`button${kind}`, {type: 'button', onclick}, label)

export const iconButton = (name, label, onclick) => h('button.icon', {type: 'button', 'aria-label': label, title: label, onclick}, icon(name))

export const field = (label, control, hint) => h('label.field', h('b', label), control, hint && h('small', hint))

export const say = text => {document.getElementById('status').textContent = text}

let fading

// Bad news stays until it is dismissed.
export function notice(text, bad) {
	clearTimeout(fading)
	document.getElementById('notice').replaceChildren(text ? h('div', h('p', text), iconButton('x', m.close, () => notice())) : '')
	if (!bad) fading = setTimeout(() => notice(), 6000)
}

// Runs it, and tells what went wrong.
export const tried = work => work().catch(e => notice(e.message, true))

// Also to the view that is shown.
export function go(where) {
	if (location.hash === `#/${where}`) dispatchEvent(new Event('hashchange'))
	else location.hash = `#/${where}`
}

export const wait = ms => new Promise(done => {setTimeout(done, ms)})
