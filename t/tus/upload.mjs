// One upload by a client of tus as it comes from npm. Started by t/tus_clients.t:
//
//   node upload.mjs '{"client": "tus" or "uppy", "file": path, "options": {...}, ...}'
//
//   options   the client's own; httpStack, callbacks and urlStorage apart
//   stream    true: the file as a stream that has no path, of which no length is known
//   storage   file in which tus-js-client keeps the URLs of what is not done yet
//   resume    true: go on with what is found there
//   stop      {by: 'pause', 'terminate' or 'die', at: bytes}: in the middle of a request, once so many were sent
//   hold      [{method: 'PATCH', number: 2}, ...]: before each of these a line is told, and one from stdin waited for
//
// It tells lines of JSON; the last one has `end`: 'success', 'error', 'pause' or 'terminate', and the requests in
// their order, each with the status that was answered, or null where none was.

import * as tus from 'tus-js-client';
import { createReadStream, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

const { client, file, options, stream, storage, resume, stop, hold } = JSON.parse(process.argv[2]);
const requests = [];
const about = new Map();            // a client's request: what is told of it
const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();

const tell = (data) => process.stdout.write(`${JSON.stringify(data)}\n`);

const end = (how, more = {}) => {
    tell({ end: how, requests, ...more });
    input.close();
};

async function before(request) {
    const header = (name) => request.getHeader(name) ?? null;
    const told = {
        method: request.getMethod(), as: header('X-HTTP-Method-Override'), offset: header('Upload-Offset'),
        length: header('Upload-Length'), concat: header('Upload-Concat'), path: new URL(request.getURL()).pathname, status: null,
    };
    requests.push(told);
    about.set(request, told);
    const number = requests.filter((r) => r.method === told.method).length;
    if (hold?.some((h) => h.method === told.method && h.number === number)) {
        tell({ held: told.path });
        await lines.next();
    }
}

function after(request, response) {
    about.get(request).status = response.getStatus();
}

const failed = (error) => end('error', { error: error.message, status: error.originalResponse?.getStatus() ?? null });

function byTus() {
    let stopped = false;
    const plain = () => Readable.from(createReadStream(file), { objectMode: false });
    const upload = new tus.Upload(stream ? plain() : createReadStream(file), {
        ...options,
        ...storage && { urlStorage: new tus.FileUrlStorage(storage), storeFingerprintForResuming: true, removeFingerprintOnSuccess: true },
        onBeforeRequest: before,
        onAfterResponse: after,
        onSuccess: () => end('success', { url: upload.url }),
        onError: failed,
        onProgress(sent) {
            if (!stop || stopped || sent < stop.at || sent % options.chunkSize === 0) return;
            stopped = true;
            if (stop.by === 'die') {
                tell({ died: sent, url: upload.url });
                process.kill(process.pid, 'SIGKILL');
            }
            upload.abort(stop.by === 'terminate').then(() => end(stop.by, { url: upload.url, sent }), failed);
        },
    });
    if (!resume) return upload.start();
    return upload.findPreviousUploads().then((found) => {
        tell({ found: found.length });
        if (found.length) upload.resumeFromPreviousUpload(found[0]);
        upload.start();
    });
}

async function byUppy() {
    globalThis.File ??= (await import('node:buffer')).File;         // as browsers have it, and node from 20 on
    const [{ default: Uppy }, { default: Tus }] = await Promise.all([import('@uppy/core'), import('@uppy/tus')]);
    const uppy = new Uppy();
    uppy.use(Tus, { ...options, onBeforeRequest: before, onAfterResponse: after });
    let url = null;
    uppy.on('upload-progress', (what, { bytesUploaded: sent }) => {
        if (!stop || sent < stop.at) return;
        url = uppy.getFile(what.id)?.tus?.uploadUrl;
        if (stop.by === 'terminate') uppy.cancelAll();
    });
    uppy.on('upload-success', (what, { uploadURL }) => { url = uploadURL; });
    process.once('beforeExit', () => { if (stop) end(stop.by, { url }); });
    uppy.addFile({ name: basename(file), type: 'video/mp4', data: readFileSync(file) });
    const result = await uppy.upload();
    if (stop) return input.close();
    if (result.failed.length) return failed(Error(result.failed[0].error));
    return end('success', { url });
}

await (client === 'uppy' ? byUppy() : byTus());
