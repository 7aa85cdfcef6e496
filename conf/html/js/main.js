// Start, sign in and out, and which view is shown: #/, #/films, #/films/<id>,
// #/edit/<id>.

import {call, get, remember, remembered} from './api.js'
import {button, field, go, h, notice, tried} from './dom.js'
import {edit, editView, setAccount, takeDrops} from './edit.js'
import {listView, showView} from './films.js'
import {lang, m} from './messages.js'

const main = document.getElementById('main')
let account = null
let stop, turn = 0

function setUser(a) {
	account = a
	setAccount(a)
	remember(a)
}

const signOut = () => tried(async () => {
	await call('POST', 'auth/logout')
	setUser(null)
	show()
})

function signView(fresh) {
	const email = h('input', {type: 'email', autocomplete: 'username', required: true})
	const password = h('input', {type: 'password', autocomplete: fresh ? 'new-password' : 'current-password', required: true, minlength: fresh && 8})
	const wrong = h('p.error', {role: 'alert'})
	const label = fresh ? m.signUp : m.signIn
	const onsubmit = async e => {
		e.preventDefault()
		wrong.textContent = ''
		try {
			await call('POST', `auth/${fresh ? 'signup' : 'login'}?cookie=1`, {email: email.value, password: password.value})
			setUser(await get('users/me'))
			show()
		} catch (p) {
			wrong.textContent = p.errors?.[0]?.detail ?? p.message
		}
	}
	return h('div.card.sign', h('h1', {tabindex: -1}, label), h('p', m.lead), h('form', {onsubmit}, field(m.email, email),
		field(m.password, password, fresh && m.passwordHint), wrong, h('button.primary', label)),
	button(fresh ? m.toSignIn : m.toSignUp, () => place(signView(!fresh)), '.plain'))
}

function place(el) {
	main.replaceChildren(el)
	const title = main.querySelector('h1')
	document.title = `${title.textContent} · ${m.brand}`
	scrollTo(0, 0)
	title.focus()
}

async function show() {
	const mine = ++turn
	const [, name, id] = location.hash.split('/')
	const link = (href, text, on) => h('a', {href, 'aria-current': on && 'page'}, text)
	stop?.()
	stop = null
	document.getElementById('top').replaceChildren(h('a.brand', {href: '#/'}, h('img', {src: 'icon.svg', alt: '', width: 24, height: 24}), m.brand),
		account ? h('nav', link('#/', m.make, name !== 'films'), link('#/films', m.films, name === 'films')) : '', account ? button(m.signOut, signOut, '.plain') : '')
	if (!account) {place(signView()); return}
	try {
		let el, end
		if (name === 'films') [el, end] = await (id ? showView(id) : listView())
		if (name === 'edit') {await edit(await get(`compositions/${id}`)); history.replaceState(null, '', '#/')}
		if (mine !== turn) {end?.(); return}
		stop = end
		place(el ?? editView())
	} catch (e) {
		if (mine === turn) place(h('h1', {tabindex: -1}, e.message))
	}
}

Object.assign(document.documentElement, {lang, dir: m.dir ?? ''})
takeDrops(() => {if (!['', '#/'].includes(location.hash)) go('')})
addEventListener('hashchange', show)
addEventListener('signed-out', () => {if (account) {setUser(null); show()}})
setUser(remembered() && await get('users/me').catch(() => null))
show()
