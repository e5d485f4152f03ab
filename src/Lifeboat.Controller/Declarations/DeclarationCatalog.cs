// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;

namespace Lifeboat.Controller.Declarations;

// One request, one look:
//
//   read all files ─► every kind plans ─► any fault? ─► nothing is done, all of them are told
//                                             │ none
//                                             ▼
//                     only asked? ─► what would change, and its tag
//                                             │ no
//                                             ▼
//              another tag than was sent? ─► nothing is done: something else would change by now
//                                             │ no
//                                             ▼
//    groups that go ─► the others by kind, what others need first ─► what else goes ─► groups follow their policies
//
// There is no transaction over agents and other sites: a change that fails leaves those before it made, and says so.
// Applying again makes what is left, for everything that is there already is no change.
internal sealed class DeclarationCatalog(IReadOnlyList<IDeclaredKind> kinds, TenantStore tenants,
    SiteConfiguration site, PolicyFollowers followers, AuditTrail trail)
{
    private const int FilesMax = 1000;
    private readonly DeclarationReader _reader = new(kinds, tenants);

    /// <exception cref="ProblemException">
    /// InvalidRequest or the faults' own reason, with all faults; PreconditionFailed: the tag is that of other changes;
    /// whatever a change failed for, with what was done and what was not.
    /// </exception>
    public async Task<ApplyResult> ApplyAsync(HttpContext http, ApplyRequest request, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        if (request.DryRun) AuditTrail.Spare(http);
        if (request.DryRun) return Shown(await PlanAsync(request, caller, ct), out _);
        using var alone = await followers.EnterAsync(ct);
        var work = await PlanAsync(request, caller, ct);
        var result = Shown(work, out var changes);
        if (request.Tag is { } tag && tag != result.Tag)
            throw new ProblemException(ReasonCode.PreconditionFailed,
                "something was changed since it was shown what would be", "Apply again: it is shown anew.");
        if (work.SecretsWanted.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "secrets are missing", null,
                [.. work.SecretsWanted.Select(s => $"secrets: there is no {s}")]);
        AuditTrail.Note(http, $"declarations: {changes.Count} changes");
        // Not the caller's token: who hangs up does not leave half of it.
        var failed = await DoAsync(http, changes, CancellationToken.None);
        foreach (var ending in work.Endings) await ending(CancellationToken.None);
        return failed.Count == 0 ? result with { Done = true } : throw Failed(changes, failed);
    }

    /// <summary>What is there, as YAML.</summary>
    public string Export(Caller caller)
    {
        var work = new DeclarationWork(caller, site.Name, new ApplyRequest { Files = [] }, [],
            new DeclarationFaults());
        return DeclarationWriter.Write(kinds.SelectMany(k => k.Export(work)), site.Name);
    }

    private async Task<DeclarationWork> PlanAsync(ApplyRequest request, Caller caller, CancellationToken ct)
    {
        if (request.Files.Count is 0 or > FilesMax)
            throw ProblemException.Of("the request has a fault", [new ProblemFault(
                $"files has {request.Files.Count}; 1 to {FilesMax} are allowed", "#/files")]);
        var faults = new DeclarationFaults();
        var declared = _reader.Read(request.Files, site.Name, caller, faults, out var elsewhere);
        var work = new DeclarationWork(caller, site.Name, request, declared, faults);
        foreach (var kind in kinds.OrderBy(k => k is PolicyKind)) await kind.PlanAsync(work, ct);
        faults.ThrowIfAny([.. request.Files.Select(f => f.Name)]);
        if (elsewhere > 0) work.Notes.Add($"{elsewhere} documents are of other sites than {site.Name}");
        return work;
    }

    private ApplyResult Shown(DeclarationWork work, out IReadOnlyList<PlannedChange> changes)
    {
        var rank = kinds.Index().ToDictionary(k => k.Item.Kind, k => k.Index);
        changes =
        [
            .. work.Removals, .. work.Changes.OrderBy(c => rank[c.Shown.Kind]),
            .. work.LateRemovals.OrderByDescending(c => rank[c.Shown.Kind]),
        ];
        List<DeclaredChange> shown = [.. changes.Select(c => c.Shown)];
        var tag = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(shown, ContractJson.Options));
        return new ApplyResult(false, Convert.ToHexStringLower(tag.AsSpan(0, 16)), shown, work.Unchanged, work.Notes,
            [.. work.SecretsWanted.Distinct()]);
    }

    private async Task<IReadOnlyDictionary<PlannedChange, ProblemException>> DoAsync(HttpContext http,
        IReadOnlyList<PlannedChange> changes, CancellationToken ct)
    {
        var failed = new Dictionary<PlannedChange, ProblemException>(ReferenceEqualityComparer.Instance);
        foreach (var change in changes)
        {
            try
            {
                await trail.RecordAsync(http, change, () => change.DoAsync(ct));
            }
            // The others do not need it, or fail for themselves.
            catch (ProblemException e)
            {
                failed[change] = e;
            }
        }
        return failed;
    }

    private static ProblemException Failed(IReadOnlyList<PlannedChange> changes,
        IReadOnlyDictionary<PlannedChange, ProblemException> failed)
    {
        var reasons = failed.Values.Select(f => f.Reason).Distinct().ToList();
        return new ProblemException(reasons is [var one] ? one : ReasonCode.Unexpected,
            $"{failed.Count} of {changes.Count} changes failed; the others are made",
            "Apply again when the cause is gone: what is made already is no change then.",
            [.. changes.Where(failed.ContainsKey).SelectMany(c => Texts(c, failed[c]))]);
    }

    private static IEnumerable<string> Texts(PlannedChange change, ProblemException e)
    {
        var what = $"{change.Shown.Kind} {change.Shown.Name}: ";
        return e.Errors is { Count: > 0 } errors && !(errors is [var only] && only == e.Message)
            ? [what + e.Message, .. errors.Select(x => $"{what}{x}")]
            : [what + e.Message + (e.Detail is null ? "" : $" ({e.Detail})")];
    }
}
