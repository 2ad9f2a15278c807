// The words of the lessons' labs and forms, in the language of the page.

import { bytes, time } from '../format.js';
import { sayBy, unsaid } from '../phrases.js';
import { ZH as PHRASES_ZH } from './phrases_zh.js';

const EN = {
  guess: 'Your guess', commit: 'That is my guess: run it', again: 'Run it again', running: 'Running: watch the picture.',
  yours: 'your guess', measured: 'measured', theory: 'theory', watch: 'Let it run', stop: 'Stop',
  near: 'Good guess.', order: 'The right order of magnitude.', far: 'Surprised? Then there is something to learn here.',
  busy: 'This machine was busy, so the figure is not reliable. Run it again.',
  failed: 'The run failed', knob: 'Now turn one knob',
  reading: 'measured so far {measured}; theory {theory}', reading_waits: 'counting …',
  saw: 'What did you see? One sentence, in your own words', note: 'Your answer', kept: 'kept in this browser',
  right: 'Right.', wrong: 'Not quite.', done: '{guesses} of {labs} guessed, {right} of {checks} right', first: 'Your first answer counts, but try the others, too.',
  rate: 'Updates', poll: 'Poll interval', rtt: 'Added round trip', payload: 'Data per update',
  result_empty: '{requests} requests went up, and {empty} of them brought nothing.',
  result_late: '{updates} updates came. Half of them were more than {p50} late, and one in a hundred more than {p99}. What the page showed was {age} old on average.',
  result_parked: 'Long polling: {late} late on average, with {each} updates in each answer. The open stream: {stream}.',
  result_crossing: 'One WebSocket update took {socket} on the wire. A poll took {fixed} by itself and {each} more for each update in it.',
  result_six: 'With {opened} streams open, the next small request waited {waited} and showed no error. When the streams were closed, it was answered at once.',
  result_hello: 'The frame took {frame} B up. The same five letters as a POST took {post} B up: {times} times as many. Below: what 32 measured numbers take as one message.',
  result_lost: 'Without a cursor {lost} updates were missing, and nothing said so. Then the same cut with a cursor: {kept} missing.',
  result_lumps: 'Updates came {each} at a time. The first of a lump was {first} late, the last {last}. Long polling behind the same proxy: {poll} late.',
  result_queue: '{arrived} updates arrived, {handled} were handled. What was shown at the end was {age} old.',
  result_choose: 'With a poll every {interval}, an update was {late} late on average. The limit was 250 ms.',
  result_storm: '{clients} clients were cut at once; at most {most} came back in the same tenth of a second.',
  result_idle: 'The connection was silent, and was cut after {lived}.',
  post: 'as a POST', with_cursor: 'with a cursor', long_poll: 'long polling', stream: 'open stream', age: 'age',
  number: '32 numbers, binary', base64: 'the 32 as base64', json: 'the 32 as JSON',
  raw: 'The stream as it comes over the wire', sockets: 'The same with WebSockets', sockets_done: '{opened} WebSockets are open, and a request took {took}. The browser counts them separately.',
  opened: '{opened} streams are open; the next request took {took}.', stuck: '{opened} streams are open, and the next request waits …',
  free: 'free', waits: 'waits', slots: 'Connections of this browser to this server',
  here: 'Pages in this room: {here}. Your number is {you}: each page that joins gets the next one.', say: 'Say something to everyone in this room', send: 'Send',
  ping: 'Let the server ping', close: 'Close with code', break: 'Cut the line', reopen: 'Open again', draw: 'Draw here: each stroke is one binary message',
  ponged: 'Your browser answered the ping after {ms} ms. No script of the page was involved.', closed: 'Closed: code {code}{reason}, {clean}.',
  clean: 'both sides sent a close frame', unclean: 'no close frame came', yours_frame: 'Your frame as it reached the server, {bytes} B',
  answered: 'The server answers: {text}', sees: '{from}: {text}', link: 'Another page in this room', missed: '{count} messages missed',
  fin: 'FIN, opcode', length: 'mask bit, length', mask: 'masking key', data: 'data, masked',
  mode: 'Reader', mode_socket: 'WebSocket, all in order', mode_stream: 'WebSocketStream, all in order', mode_newest: 'WebSocket, newest only',
  no_stream: 'this browser has no WebSocketStream', waiting: 'waiting in the page', shown_age: 'age of what is shown', handled: 'handled', arrived: 'arrived',
  retry: 'Reconnect', retry_fixed: 'all after 1 s', retry_jitter: 'at random within 5 s', busiest: 'most in 0.1 s', tenths: 'clients that reconnect in each tenth of a second after the cut',
  heartbeat: 'Heartbeat', none: 'none', lives: 'alive for {lived}', cut_after: 'cut after {lived}', buffer: 'Proxy gathers',
  hidden: 'Hide this tab for about 12 seconds, then come back.', hidden_seen: 'While hidden for {seconds} s: {polls} polls instead of {planned}.',
  no_upgrade: 'Remove the Upgrade header', upgrade_refused: 'The proxy removed the Upgrade header: the server answered without 101, and the socket closed with code {code}. Long polling through the same proxy: {status}.',
  name: 'Your name, number or seat', make: 'Make the file', forget: 'Forget everything', add: 'Add the file of your checked exercises', sure: 'Press again to forget all guesses and answers in this browser.',
  lab: 'Lab', lesson: 'Lesson', nothing: 'Nothing yet: open a lesson and guess.', added: '{count} exercises added.', unreadable: 'This is not a file from `loadgen learn check`: {problem}', checks_right: '{right} of {checks} questions right at the first answer.',
  crossing_x: 'updates in one poll', crossing_y: 'bytes on the wire for each update', socket: 'WebSocket', polling: 'polling', lateness: 'late', mean: 'mean', p99: 'p99',
};

const ZH = {
  guess: '你的猜测', commit: '就猜这个：运行', again: '再运行一次', running: '正在运行：请看图。',
  yours: '你的猜测', measured: '实测', theory: '理论', watch: '开始演示', stop: '停止',
  near: '猜得准。', order: '数量级对了。', far: '意外吗？这里有值得学的东西。',
  busy: '这台机器刚才很忙，数据受了影响。请再运行一次。',
  failed: '无法运行', knob: '现在只转一个旋钮',
  reading: '目前实测 {measured}；理论 {theory}', reading_waits: '计数中……',
  saw: '你看到了什么？用自己的话写一句', note: '你的回答', kept: '只保存在这个浏览器里',
  right: '对。', wrong: '不完全对。', done: '已猜 {guesses}/{labs}，答对 {right}/{checks}', first: '第一次的回答算数；其他选项也可以看看。',
  rate: '更新', poll: '轮询间隔', rtt: '增加的往返时间', payload: '每次更新的数据',
  result_empty: '发出了 {requests} 个请求，其中 {empty} 个什么也没带回来。',
  result_late: '到达 {updates} 次更新。一半晚于 {p50}，百分之一晚于 {p99}。页面上显示的内容平均已有 {age} 之久。',
  result_parked: '长轮询平均晚 {late}，每个应答带 {each} 次更新。打开的流：{stream}。',
  result_crossing: 'WebSocket 的一次更新在线路上占 {socket}。一次轮询自身占 {fixed}，其中每次更新再加 {each}。',
  result_six: '打开 {opened} 条流之后，下一个小请求等了 {waited}，没有任何错误提示。流一关闭，它立刻得到应答。',
  result_hello: '这一帧上行 {frame} B。同样五个字母用 POST 上行 {post} B：是 {times} 倍。下面是 32 个测量值作为一条消息所占的字节。',
  result_lost: '没有游标时少了 {lost} 次更新，而且没有任何提示。同样断线、带游标：少了 {kept} 次。',
  result_lumps: '更新每次成批到达 {each} 个。一批中的第一个晚 {first}，最后一个晚 {last}。同一代理后面的长轮询：晚 {poll}。',
  result_queue: '到达 {arrived} 次更新，处理了 {handled} 次。最后显示的内容已有 {age} 之久。',
  result_choose: '每 {interval} 问一次，更新平均晚 {late}。允许的是 250 ms。',
  result_storm: '{clients} 个客户端同时断线；同一个 0.1 秒内最多有 {most} 个回来。',
  result_idle: '连接一直沉默，{lived} 后被切断。',
  post: '用 POST', with_cursor: '带游标', long_poll: '长轮询', stream: '打开的流', age: '信息年龄',
  number: '32 个数，二进制', base64: '这 32 个用 base64', json: '这 32 个用 JSON',
  raw: '线路上原样的流', sockets: '换成 WebSocket 试试', sockets_done: '打开了 {opened} 个 WebSocket，一个请求用了 {took}。它们另外计数。',
  opened: '已打开 {opened} 条流；下一个请求用了 {took}。', stuck: '已打开 {opened} 条流，下一个请求在等……',
  free: '空闲', waits: '等待', slots: '这个浏览器到这个服务器的连接',
  here: '房间里的页面：{here}。你的编号是 {you}：每个加入的页面得到下一个编号。', say: '对房间里所有人说', send: '发送',
  ping: '让服务器发 ping', close: '用关闭码关闭', break: '切断线路', reopen: '重新打开', draw: '在这里画：每一笔是一条二进制消息',
  ponged: '你的浏览器在 {ms} ms 后回答了 ping。页面的脚本没有参与。', closed: '已关闭：代码 {code}{reason}，{clean}。',
  clean: '双方都发了关闭帧', unclean: '没有收到关闭帧', yours_frame: '你的帧到达服务器时的样子，{bytes} B',
  answered: '服务器回答：{text}', sees: '{from} 号：{text}', link: '在这个房间再开一页', missed: '漏掉 {count} 条消息',
  fin: 'FIN、操作码', length: '掩码位、长度', mask: '掩码密钥', data: '数据（已掩码）',
  mode: '读者', mode_socket: 'WebSocket，依次全部处理', mode_stream: 'WebSocketStream，依次全部处理', mode_newest: 'WebSocket，只看最新',
  no_stream: '这个浏览器没有 WebSocketStream', waiting: '在页面里等待', shown_age: '所显示内容的年龄', handled: '已处理', arrived: '已到达',
  retry: '重连', retry_fixed: '都在 1 s 后', retry_jitter: '在 5 s 内随机', busiest: '0.1 s 内最多', tenths: '断线后每 0.1 秒回来的客户端数',
  heartbeat: '心跳', none: '没有', lives: '已存活 {lived}', cut_after: '{lived} 后被切断', buffer: '代理积攒',
  hidden: '把这个标签页隐藏大约 12 秒，再回来。', hidden_seen: '隐藏 {seconds} s 期间：轮询 {polls} 次，而不是 {planned} 次。',
  no_upgrade: '去掉 Upgrade', upgrade_refused: '代理去掉了 Upgrade 字段：服务器没有回答 101，套接字以代码 {code} 关闭。同一代理上的长轮询：{status}。',
  name: '你的姓名、学号或座位', make: '生成文件', forget: '全部忘记', add: '加入已检查练习的文件', sure: '再按一次，忘记这个浏览器里的全部猜测和回答。',
  lab: '实验', lesson: '课', nothing: '还没有内容：打开一课，先猜一猜。', added: '加入了 {count} 个练习。', unreadable: '这不是 `loadgen learn check` 的文件：{problem}', checks_right: '{checks} 个问题中第一次就答对 {right} 个。',
  crossing_x: '一次轮询中的更新数', crossing_y: '每次更新在线路上的字节', socket: 'WebSocket', polling: '轮询', lateness: '迟到', mean: '平均', p99: 'p99',
};

const IS_ZH = document.documentElement.lang === 'zh';
const WORDS = IS_ZH ? ZH : EN;
if (IS_ZH) sayBy(PHRASES_ZH);

/** The text of `key`, with each `{name}` filled in. */
export function t(key, values = {}) {
  const text = WORDS[key] ?? EN[key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replaceAll(/\{(\w+)\}/g, (_, name) => String(values[name] ?? '–'));
}

/** For the tests: the keys that only one language has, and the phrases that were shown untranslated. */
export const untranslated = () => [...Object.keys(EN).filter((key) => !(key in ZH)), ...Object.keys(ZH).filter((key) => !(key in EN)), ...unsaid()];

/** A figure with its unit. */
export function shown(value, unit) {
  if (!Number.isFinite(value)) return '–';
  switch (unit) {
    case '%': return `${Math.round(value)} %`;
    case 'ms': return time(value);
    case 'B': return bytes(value);
    default: return String(Number(value.toPrecision(value < 100 ? 2 : 3)));
  }
}
