// A job's events until it has ended: by WebSocket, taken up again after the last
// event that came; between two attempts the job itself is asked for.

import { base, get, over } from './api.js';
import { wait } from './dom.js';

// One connection; resolves when it is closed, to whether it was ever open.
const listen = (url, onmessage, keep) => new Promise((done) => {
	const socket = new WebSocket(url);
	let opened = false;
	const late = setTimeout(() => socket.close(), 10000);
	Object.assign(socket, { onmessage, onopen() { opened = true; clearTimeout(late); }, onclose() { clearTimeout(late); done(opened); } });
	keep(socket);
});

// event(e) for what comes, lost() when the connection goes, end(job) once.
// Answers a function that stops all that.
export function watch(id, { event, lost, end }) {
	let stopped = false;
	let ended, last, socket;

	const message = ({ data }) => {
		const e = JSON.parse(data);
		last = e.id ?? last;
		if (stopped) return;
		event(e);
		ended = over(e.status);
		if (ended) socket.close();
	};

	(async () => {
		for (let n = 0; !stopped; n++) {
			const url = new URL(`${base}ws/progress/${id}${last ? `?last_event_id=${last}` : ''}`, location);
			url.protocol = url.protocol.replace('http', 'ws');
			if (await listen(url, message, (s) => { socket = s; })) n = 0;
			if (stopped) return;
			if (!ended) lost?.();
			// the job alone decides that it has ended: an error may be one attempt's
			const job = await get(`jobs/${id}`).catch((e) => { stopped ||= [401, 404].includes(e.status); });
			if (stopped) return;
			if (job) event({ ...job, ...job.progress });
			if (over(job?.status)) { end(job); return; }
			await wait(Math.min(5000, 300 * 2 ** n));
		}
	})();

	return () => { stopped = true; socket?.close(); };
}
