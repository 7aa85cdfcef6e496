// Start, sign in and out, and which view is shown: #/, #/films, #/films/<id>,
// #/edit/<id>.

import { call, get, remembered } from './api.js';
import { button, field, go, h, notice, tried } from './dom.js';
import { edit, editView, forget, setAccount, takeDrops } from './edit.js';
import { listView } from './list.js';
import { dir, lang, t } from './messages.js';
import { showView } from './show.js';

const main = document.getElementById('main');
const header = document.getElementById('top');
let account = null;
let stop = () => {};
let turn = 0;

function head() {
	const here = location.hash.startsWith('#/films') ? '#/films' : '#/';
	const link = (href, key) => h('a', { href, 'aria-current': href === here && 'page' }, t(key));
	header.replaceChildren(h('a', { class: 'skip', href: '#main', onclick: (e) => { e.preventDefault(); main.focus(); } }, t('skip')),
		h('a', { class: 'brand', href: '#/' }, h('img', { src: 'icon.svg', alt: '', width: '24', height: '24' }), t('brand')),
		account && h('nav', { 'aria-label': t('menu') }, link('#/', 'make'), link('#/films', 'films')),
		account && button(t('signOut'), signOut, { class: 'plain', title: account.email }));
}

function setUser(a) {
	account = a;
	setAccount(a);
	remembered(!!a);
	if (!a) forget();
}

const signOut = () => tried(async () => {
	await call('POST', 'auth/logout');
	setUser(null);
	await show();
	notice(t('signedOut'));
});

// The form of both: a new account, or one that is there.
function signView(fresh) {
	const email = h('input', { type: 'email', autocomplete: 'username', required: true });
	const password = h('input', { type: 'password', autocomplete: fresh ? 'new-password' : 'current-password', required: true, minlength: fresh && '8' });
	const wrong = h('p', { class: 'error', role: 'alert' });
	return h('div', { class: 'card sign' }, h('h1', { tabindex: '-1' }, t(fresh ? 'signUp' : 'signIn')), h('p', null, t('signInLead')),
		h('form', { onsubmit: async (e) => {
			e.preventDefault();
			wrong.textContent = '';
			try {
				await call('POST', `auth/${fresh ? 'signup' : 'login'}?cookie=1`, { email: email.value, password: password.value });
				setUser(await get('users/me'));
				show();
			} catch (p) {
				wrong.textContent = p.errors[0]?.detail ?? p.message;
				email.focus();
			}
		} }, field(t('email'), email), field(t('password'), password, fresh && t('passwordHint')), wrong,
		h('button', { class: 'primary' }, t(fresh ? 'signUp' : 'signIn'))),
		button(t(fresh ? 'toSignIn' : 'toSignUp'), () => place(signView(!fresh)), { class: 'plain' }));
}

function place(el) {
	main.replaceChildren(el);
	const title = main.querySelector('h1');
	document.title = `${title.textContent} · ${t('brand')}`;
	scrollTo(0, 0);
	title.focus();
}

async function show() {
	const mine = ++turn;
	const [, name, id] = location.hash.split('/');
	stop();
	stop = () => {};
	notice();
	head();
	if (!account) { place(signView(false)); return; }
	try {
		let el = null;
		let end = () => {};
		if (name === 'films') [el, end] = await (id ? showView(id) : listView());
		else if (name === 'edit') { await edit(await get(`compositions/${id}`)); history.replaceState(null, '', '#/'); }
		if (mine !== turn) { end(); return; }
		stop = end;
		place(el ?? editView());
	} catch (e) {
		if (mine !== turn || !account) return;
		place(h('div', null, h('h1', { tabindex: '-1' }, t('films')), h('p', null, e.status === 404 ? t('gone') : e.message)));
	}
}

document.documentElement.lang = lang;
document.documentElement.dir = dir;
document.body.append(h('div', { id: 'over', 'aria-hidden': 'true' }, t('dropHere')));
takeDrops(() => { if (!['', '#/'].includes(location.hash)) go(''); });
addEventListener('hashchange', show);
addEventListener('signed-out', () => { if (account) { setUser(null); show(); } });

if (remembered()) setUser(await get('users/me').catch(() => null));
show();
