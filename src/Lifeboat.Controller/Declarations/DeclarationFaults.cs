// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Declarations;

/// <summary>All that is wrong with the files, in the order in which it stands there.</summary>
internal sealed class DeclarationFaults
{
    // Beyond that nobody reads on.
    private const int FaultsMax = 1000;
    private readonly List<(ProblemFault Fault, ReasonCode Reason)> _faults = [];

    public int Count => _faults.Count;

    /// <summary>By line and column.</summary>
    public IReadOnlyList<ProblemFault> All =>
        [.. _faults.Select(f => f.Fault).Distinct().OrderBy(f => f.At!.Line).ThenBy(f => f.At!.Column)];

    /// <summary>
    /// Names in documents that could not be read. That what they would have declared is not there is no second fault.
    /// </summary>
    public HashSet<string> Unread { get; } = new(StringComparer.Ordinal);

    public void Add(FilePlace at, string pointer, string detail, ReasonCode reason = ReasonCode.InvalidRequest) =>
        _faults.Add((new ProblemFault(detail, pointer, null, at), reason));

    /// <exception cref="ProblemException">With the faults' own reason, when all have the same.</exception>
    public void ThrowIfAny(IReadOnlyList<string> files)
    {
        if (_faults.Count == 0) return;
        var order = files.Index().ToDictionary(f => f.Item, f => f.Index, StringComparer.Ordinal);
        var sorted = _faults.Select(f => f.Fault).Distinct().OrderBy(f => order.GetValueOrDefault(f.At!.File, -1))
            .ThenBy(f => f.At!.Line).ThenBy(f => f.At!.Column).ToList();
        var told = sorted.Take(FaultsMax).ToList();
        var reasons = _faults.Select(f => f.Reason).Distinct().ToList();
        List<string> texts = [.. told.Select(f => f.ToString())];
        if (sorted.Count > told.Count) texts.Add($"and {sorted.Count - told.Count} more");
        throw new ProblemException(reasons is [var one] ? one : ReasonCode.InvalidRequest,
            sorted.Count == 1 ? "the declarations have a fault" : $"the declarations have {sorted.Count} faults",
            "Nothing was done.", texts) { Faults = told };
    }
}
