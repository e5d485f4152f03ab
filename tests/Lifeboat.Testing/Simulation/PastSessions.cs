// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Linking;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// Remembers how sessions began and ended, and lets one begin again long after, or say its rest while another begins:
/// what a source that was thought dead, or a second copy of it, says (I8). Nothing may come of it but that the living
/// source has to connect anew.
/// </summary>
internal sealed class PastSessions(SimulatedNetwork network)
{
    private const int SessionsMax = 6, MessagesMax = 40, BytesMax = 128 << 10;
    private readonly List<Session> _sessions = [];
    private Action<Session>? _ambush;
    private Action? _whenAnswered;
    private bool _waitsForAnswer;

    /// <summary>Whether the last messages of a session are remembered as well.</summary>
    public bool KeepsEnds { get; set; }

    /// <param name="silence">Lets nothing that is said in it arrive any more.</param>
    /// <returns>To be told of all that is said in it.</returns>
    public Action<byte[]> Begin(string site, string target, string expectedSite, Action silence)
    {
        var before = _sessions.FindLast(s => s.Target == target);
        var session = new Session(site, target, expectedSite, silence, KeepsEnds);
        _sessions.Add(session);
        if (_sessions.Count > SessionsMax) _sessions.RemoveAt(0);
        if (before is not null && _ambush is { } ambush)
        {
            _ambush = null;
            if (!_waitsForAnswer) ambush(before);
            else _whenAnswered = () =>
            {
                silence();
                ambush(before);
            };
        }
        return session.Said;
    }

    public async Task ReturnAsync(SimulatedProcess process, Prng dice)
    {
        if (_sessions.Count == 0) return;
        var session = dice.Pick(_sessions);
        await SayAsync(session, [.. session.Messages], process, dice);
    }

    /// <summary>
    /// As soon as the next session begins, the one before it says its rest. Or when the next one has been told where to
    /// go on, and nothing that it says since arrives: then its stream began where the replica no longer is.
    /// </summary>
    public void LieInWait(SimulatedProcess process, Prng dice)
    {
        _waitsForAnswer = dice.Chance(0.6);
        var patience = _waitsForAnswer
            ? TimeSpan.FromMilliseconds(dice.Next(50, 1500))
            : 4 * network.Latency + TimeSpan.FromMilliseconds(10);
        _ambush = before => process.Start(async () =>
        {
            await process.Clock.DelayAsync(patience * dice.NextDouble());
            await SayAsync(before, before.Rest(), process, dice);
        });
    }

    /// <summary>
    /// From now on nothing arrives of what is said in the session with this target. When the next one has been told
    /// where to go on, nothing of that arrives either, and some of what the first had said in vain does.
    /// </summary>
    public void CutOff(string target, SimulatedProcess process, Prng dice)
    {
        if (_sessions.FindLast(s => s.Target == target) is not { } cut) return;
        cut.GoSilent();
        _waitsForAnswer = true;
        _ambush = _ => process.Start(async () =>
        {
            await process.Clock.DelayAsync(TimeSpan.FromMilliseconds(dice.Next(20, 600)));
            var said = cut.InVain();
            await SayAsync(cut, said[..dice.Next(Math.Min(1, said.Length), said.Length + 1)], process, dice);
        });
    }

    /// <summary>A receiver has answered a hello.</summary>
    public void Answered()
    {
        var then = _whenAnswered;
        _whenAnswered = null;
        then?.Invoke();
    }

    public void LieInWaitNoMore() => (_ambush, _whenAnswered) = (null, null);

    private async Task SayAsync(Session session, byte[][] messages, SimulatedProcess process, Prng dice)
    {
        try
        {
            await using var connection = await network.ConnectAsync(
                session.Site, process, session.Target, session.ExpectedSite, remember: false, default);
            foreach (var message in messages)
            {
                await connection.SendAsync(message, default);
                await process.Clock.DelayAsync(TimeSpan.FromMicroseconds(dice.Next(3000)));
            }
            await process.Clock.DelayAsync(TimeSpan.FromMilliseconds(dice.Next(2000)));
        }
        catch (LinkException)
        {
            // It was refused, or there is nobody.
        }
    }

    private sealed class Session(string site, string target, string expectedSite, Action silence, bool keepsEnd)
    {
        private readonly Queue<byte[]> _last = new();
        private List<byte[]>? _inVain;
        private int _bytes, _lastBytes;

        public string Site => site;
        public string Target => target;
        public string ExpectedSite => expectedSite;
        public List<byte[]> Messages { get; } = [];

        /// <summary>How it began, and what it said last.</summary>
        public byte[][] Rest() => Messages.Count == 0 ? [] : [Messages[0], .. _last];

        /// <summary>How it began, and all that it said since nothing of it arrives.</summary>
        public byte[][] InVain() => Messages.Count == 0 ? [] : [Messages[0], .. _inVain ?? []];

        public void GoSilent()
        {
            _inVain ??= [];
            silence();
        }

        public void Said(byte[] message)
        {
            var begins = Messages.Count == 0;
            if (Messages.Count < MessagesMax && _bytes + message.Length <= BytesMax)
            {
                _bytes += message.Length;
                Messages.Add(message);
            }
            // As much as fits into what waits on the way.
            _inVain?.Add(message);
            if (begins || !keepsEnd) return;
            _last.Enqueue(message);
            _lastBytes += message.Length;
            while (_last.Count > MessagesMax || _lastBytes > BytesMax) _lastBytes -= _last.Dequeue().Length;
        }
    }
}
