// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>What a change is answered with that was only to be tried: nothing was done.</summary>
/// <param name="Request">Method and path, e.g. `DELETE /v1/groups/shop`.</param>
/// <param name="Does">What it would do, in a sentence.</param>
/// <param name="Checked">What was looked at and found to be in order.</param>
public sealed record DryRunAnswer(string Request, string Does, IReadOnlyList<string> Checked)
{
    /// <summary>Query parameter of every change: `dryRun=true`.</summary>
    public const string Parameter = "dryRun";
    /// <summary>Header of this answer and of no other one, so that nobody takes a change for a trial.</summary>
    public const string Header = "Lifeboat-Dry-Run";
}
