// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Linking;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// Remembers how sessions began, and lets one begin again long after: what a source that was thought dead, or a second
/// copy of it, says (I8). Nothing may come of it but that the living source has to connect anew.
/// </summary>
internal sealed class PastSessions(SimulatedNetwork network)
{
    private const int SessionsMax = 6, MessagesMax = 40, BytesMax = 128 << 10;
    private readonly List<Session> _sessions = [];

    public Session Begin(string site, string target, string expectedSite)
    {
        var session = new Session(site, target, expectedSite);
        _sessions.Add(session);
        if (_sessions.Count > SessionsMax) _sessions.RemoveAt(0);
        return session;
    }

    public async Task ReturnAsync(SimulatedProcess process, Prng dice)
    {
        if (_sessions.Count == 0) return;
        var session = dice.Pick(_sessions);
        byte[][] messages = [.. session.Messages];
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

    internal sealed class Session(string site, string target, string expectedSite)
    {
        private int _bytes;

        public string Site => site;
        public string Target => target;
        public string ExpectedSite => expectedSite;
        public List<byte[]> Messages { get; } = [];

        public void Said(byte[] message)
        {
            if (Messages.Count >= MessagesMax || _bytes + message.Length > BytesMax) return;
            _bytes += message.Length;
            Messages.Add(message);
        }
    }
}
