// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Merging;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Peers;

// The digest that goes with the exchange of groups differs? Then
//
//   which edits are known here ─► what is news here, and what is wanted there ─► that is sent, a batch at a time
//
// What came is merged field by field (MergedFields). Only kept here: groups follow in the loop of the desired state.

/// <summary>Leaves two sites with the same named policies: every edit that either of them knew.</summary>
internal sealed partial class PolicyLevelling(PolicyStore store, PolicyFollowers followers,
    EditWriter writer, TimeProvider time, ILogger<PolicyLevelling> logger)
{
    private const int BatchMost = 50;
    // Of a request; a policy is some 4 KiB.
    private const int BatchCharacters = 256 << 10;

    /// <summary>A digest of all that is known here.</summary>
    public string Stand()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, seen) in Known())
            hash.AppendData(Encoding.UTF8.GetBytes(name + string.Concat(seen.OrderBy(s => s.Key, StringComparer.Ordinal)
                .Select(s => $" {s.Key}={s.Value}")) + "\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Asks a peer whose digest is another one.</summary>
    /// <exception cref="ProblemException">
    /// The peer does not answer; or why a policy could not be taken over, when all others were.
    /// </exception>
    public async Task WithAsync(PeerSide peer, CancellationToken ct)
    {
        ProblemException? refused = null;
        PolicyExchange answer;
        bool learned;
        // What does not go into one answer is in the next one.
        do
        {
            answer = await peer.PoliciesAsync(new PolicyExchange(Known(), [], []), ct);
            learned = false;
            foreach (var policy in answer.Policies)
            {
                learned |= TryLearn(peer.Name, policy, out var why);
                refused ??= why;
            }
        }
        while (learned);
        foreach (var batch in Batches(answer.Wanted))
            await peer.PoliciesAsync(new PolicyExchange(null, batch, []), ct);
        if (refused is not null) throw refused;
    }

    /// <summary>Answers a peer that asks.</summary>
    public PolicyExchange Answer(string peer, PolicyExchange theirs)
    {
        // What cannot be taken over is met, and said, when this site asks for it in its own round.
        foreach (var policy in theirs.Policies ?? []) TryLearn(peer, policy, out _);
        if (theirs.Known is not { } known) return new PolicyExchange(null, [], []);
        var nothing = new Dictionary<string, long>();
        var mine = Known();
        var news = mine.Where(m => !Covers(known.GetValueOrDefault(m.Key) ?? nothing, m.Value)).Select(m => m.Key);
        return new PolicyExchange(null, Batches(news).FirstOrDefault() ?? [],
            [.. known.Where(k => k.Value is not null && !Covers(mine.GetValueOrDefault(k.Key) ?? nothing, k.Value))
                .Select(k => k.Key)]);
    }

    /// <summary>What a policy of another site makes of the one here; null: it says nothing new.</summary>
    /// <exception cref="ProblemException">InvalidRequest: it is none.</exception>
    public StoredPolicy? Merged(StoredPolicy? here, PolicyRecord theirs)
    {
        ThrowUnlessSound(theirs);
        var mine = PolicyMerging.FieldsOf(here, writer.Former);
        if (mine.Covers(theirs.Fields.Seen)) return null;
        var merged = Built(theirs, mine.MergedWith(theirs.Fields), here);
        // Deleted there, while a group that they had not heard of follows it here: that wants it to stay.
        if (merged.Removed && here is { Removed: false } && followers.Of(theirs.Name).Any())
        {
            mine = PolicyMerging.Edited(here, here with { ChangedAt = time.GetUtcNow() }, [], writer).Fields!;
            merged = Built(theirs, mine.MergedWith(theirs.Fields), here);
        }
        if (merged.Removed) return merged;
        List<string> faults = [.. PolicyCatalog.Faults(merged.Description, merged.Policy),
            .. followers.Faults(merged.Name, merged.Policy)];
        if (faults.Count == 0) return merged;
        // Each change was sound where it was made, but not all together: what holds goes on holding.
        return merged with
        {
            Policy = here is { Removed: false } ? here.Policy : theirs.Policy,
            Description = here is { Removed: false } ? here.Description : theirs.Description,
            Faults = faults,
        };
    }

    /// <returns>There was something new in it.</returns>
    private bool TryLearn(string peer, PolicyRecord theirs, out ProblemException? refused)
    {
        refused = null;
        try
        {
            while (true)
            {
                var here = store.Now().GetValueOrDefault(theirs.Name ?? "");
                if (Merged(here, theirs) is not { } next) return false;
                if (!store.TrySave(here, next)) continue;
                LogLearned(next.Name, peer, next.Version, PolicyMerging.Conflicts(next).Count);
                return true;
            }
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.InvalidRequest)
        {
            refused = e;
            return false;
        }
    }

    private static StoredPolicy Built(PolicyRecord theirs, MergedFields fields, StoredPolicy? here)
    {
        try
        {
            return PolicyMerging.Built(theirs.Name, fields, here);
        }
        catch (System.Text.Json.JsonException e)
        {
            throw Unsound(theirs, [e.Message], e);
        }
    }

    private static void ThrowUnlessSound(PolicyRecord theirs)
    {
        if (theirs.Fields is null || theirs.Policy is null || !GroupName.IsValid(theirs.Name))
            throw Unsound(theirs, [$"name is '{theirs.Name}'; {GroupName.Rule}"]);
        if (theirs.Fields.Problems().Concat(PolicyCatalog.Faults(theirs.Description, theirs.Policy)).ToList()
            is { Count: > 0 } problems) throw Unsound(theirs, problems);
    }

    private static ProblemException Unsound(PolicyRecord theirs, IReadOnlyList<string> problems,
        Exception? cause = null) => new(ReasonCode.InvalidRequest,
            $"what the other site says of policy {theirs.Name} cannot be taken over: {problems[0]}",
            "Is it of a much newer release?", problems, cause: cause);

    private SortedDictionary<string, IReadOnlyDictionary<string, long>> Known() => new(store.Now()
        .ToDictionary(p => p.Key, p => PolicyMerging.FieldsOf(p.Value, writer.Former).Seen), StringComparer.Ordinal);

    private static bool Covers(IReadOnlyDictionary<string, long> seen, IReadOnlyDictionary<string, long> other) =>
        other.All(s => seen.GetValueOrDefault(s.Key) >= s.Value);

    private IEnumerable<IReadOnlyList<PolicyRecord>> Batches(IEnumerable<string> names)
    {
        var now = store.Now();
        var batch = new List<PolicyRecord>();
        var length = 0;
        foreach (var policy in names.Select(n => now.GetValueOrDefault(n)).OfType<StoredPolicy>())
        {
            var record = PolicyMerging.Record(policy, writer.Former);
            var more = StoredJson.Write(record).Length;
            if (batch.Count > 0 && (batch.Count == BatchMost || length + more > BatchCharacters))
            {
                yield return batch;
                (batch, length) = ([], 0);
            }
            batch.Add(record);
            length += more;
        }
        if (batch.Count > 0) yield return batch;
    }

    [LoggerMessage(EventIds.PolicyLearned, LogLevel.Information,
        "Policy {Policy} has edits of site {Peer}: version {Version}, {Conflicts} fields are contested")]
    private partial void LogLearned(string policy, string peer, long version, int conflicts);
}
