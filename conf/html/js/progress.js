// A job's events by WebSocket, taken up again after the last one that came;
// between two attempts the job itself is asked for.

import {base, get, over} from './api.js'
import {wait} from './dom.js'

// Resolves when it is closed, to whether it was ever open.
const listen = (url, onmessage, keep) => new Promise(done => {
	const socket = new WebSocket(url)
	let opened = false
	Object.assign(socket, {onmessage, onopen() {opened = true}, onclose() {done(opened)}})
	keep(socket)
})

// event(e), lost() when the connection goes, end(job) once. Answers what stops it.
export function watch(id, {event, lost, end}) {
	let stopped = false
	let ended, last, socket

	const message = ({data}) => {
		const e = JSON.parse(data)
		last = e.id ?? last
		if (stopped) return
		event(e)
		ended = over(e.status)
		if (ended) socket.close()
	}

	const run = async () => {
		for (let n = 0; !stopped; n++) {
			const url = `${base}ws/progress/${id}${last ? `?last_event_id=${last}` : ''}`
			if (await listen(new URL(url, location.href.replace('http', 'ws')), message, s => {socket = s})) n = 0
			if (stopped) return
			if (!ended) lost?.()
			// the job alone decides that it has ended: an error may be one attempt's
			const job = await get(`jobs/${id}`).catch(e => {stopped ||= [401, 404].includes(e.status)})
			if (stopped) return
			if (job) event({...job, ...job.progress})
			if (over(job?.status)) {end(job); return}
			await wait(Math.min(5000, 300 * 2 ** n))
		}
	}

	run()
	return () => {stopped = true; socket?.close()}
}
