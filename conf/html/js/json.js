// The composition as a text, and a list of what is wrong in it that leads there.

import {button, field, h} from './dom.js'
import {fill, m} from './messages.js'

// JSON Pointer (RFC 6901) -> [start, end]; throws {at, message}.
function locate(text) {
	const places = new Map()
	let at = 0
	const take = re => {re.lastIndex = at; const s = re.exec(text)?.[0]; at += s?.length ?? 0; return s}
	const need = (re, what) => {take(/\s*/y); return take(re) ?? (() => {throw Object.assign(Error(fill(m.missing, what)), {at})})()}
	const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y

	function value(pointer, from) {
		const start = from ?? at
		if (take(/[{[]/y)) {
			const end = text[at - 1] === '{' ? /}/y : /]/y
			for (let n = 0; !need(n ? RegExp(`,|${end.source}`, 'y') : RegExp(`${end.source}|`, 'y'), `"," or "${end.source}"`).match(end); n++) {
				take(/\s*/y)
				const here = at
				if (end.source === ']') {value(`${pointer}/${n}`); continue}
				const name = JSON.parse(need(string, m.jsonName))
				need(/:\s*/y, '":"')
				value(`${pointer}/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`, here)
			}
		} else {
			take(string) ?? need(/(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)(?![\w.])/y, m.jsonValue)
		}
		places.set(pointer, [start, at])
	}

	take(/\s*/y)
	value('')
	need(/$/y, m.jsonEnd)
	return places
}

export function jsonMode(document) {
	const area = h('textarea.code', {spellcheck: 'false', autocapitalize: 'off', dir: 'ltr', rows: 22, value: JSON.stringify(document, null, 2)})
	const list = h('ul')
	const box = h('div.problems', {role: 'alert', hidden: true}, h('p', m.needFix), list)

	const select = (start, end) => {
		const line = parseFloat(getComputedStyle(area).lineHeight)
		area.focus()
		area.setSelectionRange(start, end)
		area.scrollTop = (area.value.slice(0, start).split('\n').length - 4) * line
	}

	const show = faults => {
		box.hidden = !faults.length
		list.replaceChildren(...faults.map(({place: [start, end], pointer, detail}) => h('li', button(
			`${fill(m.line, area.value.slice(0, start).split('\n').length)}: ${pointer ?? ''} ${detail}`, () => select(start, end), '.fault'))))
		list.querySelector('button')?.focus()
	}

	return {
		el: h('div', field(m.json, area), box),
		text: () => area.value,
		read() {
			try {
				locate(area.value)
				show([])
				return true
			} catch (e) {
				show([{place: [e.at, e.at + 1], detail: e.message}])
				return false
			}
		},
		// what is not there selects what should hold it
		errors(errors) {
			const places = locate(area.value)
			show(errors.map(x => {
				let p = x.pointer
				while (!places.has(p)) p = p.slice(0, p.lastIndexOf('/'))
				const [start, end] = places.get(p)
				return {...x, place: [start, p === x.pointer ? end : start + 1]}
			}))
		},
	}
}
