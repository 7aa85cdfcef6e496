// Every word a person reads, in one place. A locale is one more member of
// `locales` with the same keys (what it lacks is read in English) and, where it
// is written from right to left, `dir: 'rtl'`. {0}, {1} are filled in.

const en = {
	brand: 'Films',
	skip: 'Skip to the content',
	menu: 'Pages',
	make: 'New film',
	films: 'My films',
	signOut: 'Sign out',
	signIn: 'Sign in',
	signUp: 'Create account',
	signInLead: 'Put clips, pictures and music together, and watch the film a moment later.',
	toSignUp: 'New here? Create an account',
	toSignIn: 'I have an account',
	email: 'E-mail',
	password: 'Password',
	passwordHint: 'At least 8 characters',
	signedOut: 'You are signed out.',

	dropLead: 'Drop clips, pictures and music anywhere',
	dropHint: 'or paste them, or',
	choose: 'Choose files',
	camera: 'Use the camera',
	dropHere: 'Drop to add',
	uploads: 'All uploads',
	uploadsState: '{0} of {1} files, {2} of {3}',
	pausedFor: 'The server is busy; going on in {0} s',

	clips: 'Clips',
	noClips: 'Nothing here yet. The film plays what you add, from top to bottom.',
	sounds: 'Music',
	noSounds: 'Add any sound file and it plays under the film.',
	waiting: 'Waiting',
	uploading: 'Uploading, {0}',
	again: 'Next try in {0} s',
	probing: 'Reading the file',
	failed: 'Not uploaded',
	tryAgain: 'Try again',
	remove: 'Remove {0}',
	up: 'Move {0} up',
	down: 'Move {0} down',
	drag: 'Drag {0} to another place',
	moved: '{0} is now number {1} of {2}',
	removed: '{0} was removed',
	added: '{0} was added',
	from: 'From',
	to: 'To',
	show: 'Show for',
	volume: 'Volume',
	unit: 's',
	ofLength: 'of {0}',
	progressOf: 'Upload of {0}',
	notMedia: '{0} is neither a video nor a picture nor a sound',
	tooLarge: '{0} is larger than the room that is left ({1})',
	empty: '{0} is empty',

	film: 'Film',
	title: 'Title',
	showTitle: 'Show the title at the beginning',
	between: 'Between clips',
	none: 'Cut',
	fade: 'Fade',
	size: 'Picture',
	landscape: 'Wide, 1280 × 720',
	portrait: 'Tall, 720 × 1280',
	square: 'Square, 720 × 720',
	draft: 'Draft, 320 × 180',
	asJson: 'Edit as JSON',
	asForm: 'Back to the form',
	json: 'The composition as JSON',
	files: 'Uploaded files',
	insert: 'Insert {0}',
	notForm: 'The form cannot show all of this composition, so it stays JSON.',
	check: 'Check',
	render: 'Make the film',
	renderAgain: 'Make it again',
	startOver: 'Start over',
	startOverAsk: 'Take everything away and start a new film?',
	waitUploads: 'Waiting for the uploads…',
	checking: 'Checking…',
	checked: 'Lasts {0}: {1} frames in {2} pieces. Takes about {3} of computing.',
	fine: 'Everything fits.',
	needOne: 'Add at least one clip first.',
	fixUploads: 'A file was not uploaded. Try it again or remove it.',
	needFix: 'The film cannot be made yet:',
	line: 'Line {0}',
	untitled: 'Untitled film',

	status_pending: 'Waiting for its turn',
	status_queued: 'Waiting for its turn',
	status_processing: 'Rendering',
	status_completed: 'Done',
	status_failed: 'Failed',
	status_cancelled: 'Cancelled',
	statusNow: '{0}, {1}',
	eta: '{0} left',
	percentOf: 'Progress of {0}',
	preview: 'First picture of the film',
	reconnecting: 'Connection lost; asking again',
	cancel: 'Cancel',
	retry: 'Render again',
	delete: 'Delete',
	deleteAsk: 'Delete “{0}”? The link to it stops working.',
	deleteJobAsk: 'Take this entry out of the list?',
	keep: 'Keep',
	dismiss: 'Close',
	deleted: 'Deleted.',
	edit: 'Edit',
	download: 'Download',
	player: 'The film {0}',
	gone: 'This film is not there, or not yours.',
	share: 'Who can watch',
	private: 'Only me',
	link: 'Anyone with the link',
	public: 'Everyone',
	shareLink: 'Link to the film',
	copy: 'Copy',
	copied: 'The link was copied.',

	noFilms: 'No films yet.',
	work: 'Work',
	noWork: 'Nothing was rendered yet.',
	more: 'More',
	actionOn: '{0}: {1}',

	offline: 'The server cannot be reached.',
	oddAnswer: 'The server answered {0}.',
};

const locales = { en };

const wanted = (navigator.languages ?? []).map((l) => l.toLowerCase());
export const lang = wanted.map((l) => (locales[l] ? l : l.split('-')[0])).find((l) => locales[l]) ?? 'en';
export const dir = locales[lang].dir ?? 'ltr';

// The text of a key.
export const t = (key, ...values) =>
	(locales[lang][key] ?? en[key] ?? key).replace(/\{(\d)\}/g, (_, n) => values[n] ?? '');

const number = (options) => {
	const format = new Intl.NumberFormat(lang, options);
	return (n) => format.format(n);
};
const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'].map((unit) =>
	number({ style: 'unit', unit, unitDisplay: unit === 'byte' ? 'narrow' : 'short', maximumFractionDigits: 1 }));

export const percent = number({ style: 'percent', maximumFractionDigits: 0 });
export const count = number({});
export const bytes = (n) => {
	const step = n < 1e3 ? 0 : n < 1e6 ? 1 : n < 1e9 ? 2 : 3;
	return units[step](n / 1000 ** step);
};
const short = number({ maximumFractionDigits: 1 });

// 3.5 s below a minute, 2:05 above
export const duration = (s) => (s < 60 ? `${short(s)} ${t('unit')}`
	: `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`);

const day = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short' });
export const when = (text) => day.format(new Date(text));
