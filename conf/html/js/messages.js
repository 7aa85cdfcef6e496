// Every word a person reads. A locale is a member of `locales` with these keys
// (English stands in for what it lacks) and perhaps `dir: 'rtl'`.

const en = {
	brand: 'Films',
	make: 'New film',
	films: 'My films',
	signOut: 'Sign out',
	signIn: 'Sign in',
	signUp: 'Create account',
	lead: 'Put clips, pictures and music together and watch the film.',
	toSignUp: 'New here? Create an account',
	toSignIn: 'I have an account',
	email: 'E-mail',
	password: 'Password',
	passwordHint: 'At least 8 characters',

	drop: 'Drop clips, pictures and music anywhere',
	dropHint: 'or paste or choose them',
	choose: 'Choose files',
	camera: 'Use the camera',
	total: '{0} of {1} files, {2} of {3}',
	paused: 'The server is busy; going on in {0} s',
	clips: 'Clips',
	noClips: 'The film plays what you add from top to bottom.',
	sounds: 'Music',
	noSounds: 'Sound files play under the film.',
	waiting: 'Waiting',
	uploading: 'Uploading, {0}',
	again: 'Next try in {0} s',
	probing: 'Reading the file',
	failed: 'Not uploaded',
	tryAgain: 'Try again',
	remove: 'Remove',
	up: 'Move up',
	down: 'Move down',
	moved: '{0} is now number {1} of {2}',
	added: '{0} was added',
	from: 'From',
	to: 'To',
	show: 'Show for',
	volume: 'Volume',
	upload: 'Upload',
	notMedia: '{0} is no video, picture or sound.',
	tooLarge: '{0} is too large for your account.',

	film: 'Film',
	title: 'Title at the beginning',
	between: 'Between clips',
	none: 'Cut',
	fade: 'Fade',
	size: 'Picture',
	wide: 'Wide, 1280 × 720',
	tall: 'Tall, 720 × 1280',
	draft: 'Draft, 320 × 180',
	asJson: 'Edit as JSON',
	asForm: 'Back to the form',
	json: 'The composition as JSON',
	notForm: 'The form cannot show all of this.',
	check: 'Check',
	render: 'Make the film',
	rerender: 'Make it again',
	waitUploads: 'Waiting for the uploads…',
	checking: 'Checking…',
	checked: 'All fits: {0}, {1} frames, {2} pieces ({3}), about {4} to compute.',
	needOne: 'Add a clip first.',
	fixUploads: 'Try again or remove what was not uploaded.',
	needFix: 'This needs a change first:',
	line: 'Line {0}',
	missing: '{0} is missing here',
	jsonName: 'a name in quotes',
	jsonValue: 'a value',
	jsonEnd: 'the end of the document',
	untitled: 'Untitled film',

	pending: 'Waiting for its turn',
	queued: 'Waiting for its turn',
	processing: 'Rendering',
	completed: 'Done',
	jobfailed: 'Failed',
	cancelled: 'Cancelled',
	eta: '{0} left',
	preview: 'First picture',
	lost: 'Connection lost, asking again',
	cancel: 'Cancel',
	retry: 'Render again',
	delete: 'Delete',
	sure: 'Delete “{0}”?',
	edit: 'Edit',
	download: 'Download',
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
	close: 'Close',
	offline: 'The server cannot be reached.',
	odd: 'The server answered {0}.',
}

const locales = {en}

export const lang = navigator.languages.map(l => l.split('-')[0]).find(l => locales[l]) ?? 'en'
export const m = {...en, ...locales[lang]}

export const fill = (text, ...values) => text.replace(/\{(\d)\}/g, (_, n) => values[n])

const number = options => {
	const format = new Intl.NumberFormat(lang, {maximumFractionDigits: 1, ...options})
	return n => format.format(n)
}
const unit = name => number({style: 'unit', unit: name})
const seconds = unit('second')
const kilobytes = unit('kilobyte')
const megabytes = unit('megabyte')
const day = new Intl.DateTimeFormat(lang, {dateStyle: 'medium', timeStyle: 'short'})

export const percent = number({style: 'percent', maximumFractionDigits: 0})
export const count = number()
export const bytes = n => (n < 1e6 ? kilobytes(n / 1e3) : megabytes(n / 1e6))
// 3.5 sec, 2:05
export const duration = s => (s < 60 ? seconds(s) : `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, 0)}`)
export const when = text => day.format(new Date(text))
