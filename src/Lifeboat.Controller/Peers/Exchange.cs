// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Peers;

// Two sites tell each other what they know of the groups between them, every two seconds:
//
//   ask: digest of what is known here ─► the same there? ─► nothing else is said
//                                            └─ no: which groups, how new ─► what is newer here is sent, what is newer
//                                                                            there is asked for, a batch at a time
//
// Nearly always nothing has changed, and then a round costs one small request, however many groups there are. A site of
// the release before says no digest but all that it knows, and is answered so. Named policies: PolicyLevelling. What
// becomes of what either says: GroupMerging.
internal sealed class Exchange(LocalSide here, GroupStore groups, DivergenceWatch divergences, ControllerUrls urls,
    PeerDirectory peers, PolicyLevelling policies)
{
    private static readonly IReadOnlyDictionary<string, long> Nothing = new Dictionary<string, long>();
    private const int BatchGroups = 50;
    // A request's body has a limit, and a group may have thousands of volumes.
    private const int BatchCharacters = 256 << 10;

    /// <summary>Asks a peer, and leaves both sites with the newer of what either knew.</summary>
    /// <exception cref="Contracts.ProblemException">
    /// The peer does not answer; or why a group could not be taken over, when all others were.
    /// </exception>
    public async Task WithAsync(string site, CancellationToken ct)
    {
        var peer = peers.Side(site);
        var mine = groups.SharedWith(site);
        var answer = await AskAsync(site, mine, ct);
        var refused = await LearnAsync(site, answer, ct);
        peers.LearnMerging(site, answer.Merges == true);
        if (answer.Known is { } known) refused = await LevelAsync(peer, mine, known, ct) ?? refused;
        // A site of the release before exchanges no policies.
        if (answer.Policies is { } stand && stand != policies.Stand()) await policies.WithAsync(peer, ct);
        if (refused is not null) throw refused;
    }

    // Both sides say what the other one does not know yet.
    private async Task<ProblemException?> LevelAsync(PeerSide peer, IReadOnlyList<GroupRecord> mine,
        IReadOnlyList<KnownGroup> known, CancellationToken ct)
    {
        var site = peer.Name;
        var merges = peers.MergesEdits(site);
        ProblemException? refused = null;
        var theirs = known.ToDictionary(k => k.Name, StringComparer.Ordinal);
        var here = mine.ToDictionary(r => r.Definition.Name, r => r.Definition, StringComparer.Ordinal);
        var newer = mine.Where(r => theirs.GetValueOrDefault(r.Definition.Name) is not { } k
            || (k.Epoch, k.Version).CompareTo((r.Definition.Epoch, r.Definition.Version)) < 0
            || merges && !Covers(k.Seen, r.Definition.Edits?.Seen));
        if (!merges) newer = newer.Select(Plain);
        foreach (var batch in Batches(newer)) await peer.ExchangeAsync(Say(site, batch, mine), ct);
        var wanted = known.Where(k => here.GetValueOrDefault(k.Name) is not { } d
            || (k.Epoch, k.Version).CompareTo((d.Epoch, d.Version)) > 0
            || !Covers(d.Edits?.Seen, k.Seen)).Select(k => k.Name);
        foreach (var batch in wanted.Chunk(BatchGroups))
        {
            var answer = await peer.ExchangeAsync(Say(site, [], mine) with { Wanted = batch }, ct);
            refused = await LearnAsync(site, answer, ct) ?? refused;
        }
        return refused;
    }

    // A site of the release before refuses the question with a digest, as a field that it does not know.
    private async Task<GroupExchange> AskAsync(string site, IReadOnlyList<GroupRecord> mine, CancellationToken ct)
    {
        var peer = peers.Side(site);
        try
        {
            return await peer.ExchangeAsync(Say(site, [], mine), ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.InvalidRequest)
        {
            // Nor does it know edits.
            return await peer.ExchangeAsync(Say(site, [.. mine.Select(Plain)], mine)
                with { Stand = null, Policies = null }, ct);
        }
    }

    /// <summary>Answers a peer that asks.</summary>
    public async Task<GroupExchange> AnswerAsync(string peer, GroupExchange theirs, CancellationToken ct)
    {
        // What cannot be taken over is met, and said, when this site asks for it in its own round.
        await LearnAsync(peer, theirs, ct);
        var mine = groups.SharedWith(peer);
        if (theirs.Stand is null) return Say(peer, mine, mine) with { Stand = null, Policies = null };
        if (theirs.Wanted is { } wanted)
        {
            var names = wanted.ToHashSet(StringComparer.Ordinal);
            return Say(peer, [.. mine.Where(r => names.Contains(r.Definition.Name))], mine) with { Merges = true };
        }
        var answer = Say(peer, [], mine) with { Merges = true };
        return answer.Stand == theirs.Stand ? answer : answer with
        {
            Known = [.. mine.Select(r => new KnownGroup(r.Definition.Name, r.Definition.Epoch, r.Definition.Version,
                r.Removed, r.Definition.Edits?.Seen))],
        };
    }

    private async Task<ProblemException?> LearnAsync(string site, GroupExchange theirs, CancellationToken ct)
    {
        var refused = await here.LearnAsync(site, theirs, ct);
        divergences.Learn(site, theirs.Divergences ?? []);
        peers.Learn(site, theirs.Controllers);
        return refused;
    }

    private GroupExchange Say(string site, IReadOnlyList<GroupRecord> some, IReadOnlyList<GroupRecord> all) =>
        new(some, divergences.SharedWith(site), urls.IfSeveral, StandOf(all),
            Policies: policies.Stand());

    private static string StandOf(IReadOnlyList<GroupRecord> all)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (definition, removed) in all)
            hash.AppendData(Encoding.UTF8.GetBytes($"{definition.Name} {definition.Epoch.Value} {definition.Version} "
                // Gone at one and kept at the other until somebody chooses, and both know it: nothing is to be said.
                + (GroupMerging.IsSplit(definition) ? "split" : $"{removed}") + SeenText(definition) + "\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static GroupRecord Plain(GroupRecord record) =>
        record with { Definition = record.Definition with { Edits = null } };

    // Without edits as the release before has it.
    private static string SeenText(GroupDefinition group) => group.Edits is not { Seen: { Count: > 0 } seen } ? ""
        : string.Concat(seen.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $" {s.Key}={s.Value}"));

    private static bool Covers(IReadOnlyDictionary<string, long>? seen, IReadOnlyDictionary<string, long>? other) =>
        (other ?? Nothing).All(s => (seen ?? Nothing).GetValueOrDefault(s.Key) >= s.Value);

    private static IEnumerable<IReadOnlyList<GroupRecord>> Batches(IEnumerable<GroupRecord> records)
    {
        var batch = new List<GroupRecord>();
        var length = 0;
        foreach (var record in records)
        {
            var more = StoredJson.Write(record.Definition).Length;
            if (batch.Count > 0 && (batch.Count == BatchGroups || length + more > BatchCharacters))
            {
                yield return batch;
                (batch, length) = ([], 0);
            }
            batch.Add(record);
            length += more;
        }
        if (batch.Count > 0) yield return batch;
    }
}
