// A job's events until it has ended: by WebSocket, taken up again after the last
// event that came, and between two attempts by asking for the job's state.

import { base, get, over } from './api.js';
import { wait } from './dom.js';

const pauses = [300, 500, 1000, 2000, 5000];

// One connection. Resolves when it is closed, to whether it ever opened.
function listen(url, onMessage, keep) {
	return new Promise((done) => {
		const socket = new WebSocket(url);
		let opened = false;
		const late = setTimeout(() => socket.close(), 10000);
		socket.onopen = () => { opened = true; clearTimeout(late); };
		socket.onmessage = (e) => onMessage(JSON.parse(e.data));
		socket.onclose = () => { clearTimeout(late); done(opened); };
		keep(socket);
	});
}

// watch(id, {event, lost, end}): event(e) for what comes, lost(true | false) as
// the connection goes and comes, end(job) once. Answers a function that stops.
export function watch(id, { event, lost, end }) {
	let stopped = false;
	let last = null;
	let ended = false;
	let socket = null;

	const onMessage = (e) => {
		if (stopped) return;
		lost?.(false);
		if (e.id) last = e.id;
		event(e);
		ended = over(e.status);
		if (ended) socket.close();
	};

	// The state as GET tells it; it alone decides that the job has ended, since
	// one attempt's error is not the job's.
	const poll = async () => {
		const job = await get(`jobs/${id}`);
		if (stopped) return true;
		event({ ...job, ...job.progress, type: 'snapshot' });
		if (over(job.status)) end?.(job);
		return over(job.status);
	};

	(async () => {
		for (let n = 0; !stopped; n++) {
			const query = last ? `?last_event_id=${encodeURIComponent(last)}` : '';
			const url = new URL(`${base}ws/progress/${id}${query}`, location.href);
			url.protocol = url.protocol.replace('http', 'ws');
			if (await listen(url, onMessage, (s) => { socket = s; })) n = 0;
			if (stopped) return;
			if (!ended) lost?.(true);
			try {
				if (await poll()) return;
			} catch (e) {
				if ([401, 404].includes(e.status)) return;
			}
			ended = false;
			await wait(pauses[Math.min(n, pauses.length - 1)]);
		}
	})();

	return () => { stopped = true; socket?.close(); };
}
