// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Recovery.Verification;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Proves that the started instances serve: the guest agent answers, addresses are as expected, the group's and the
/// run's checks pass. Needs: running instances. Changes nothing but what `exec` checks change. Repeated: checks again.
/// </summary>
/// <param name="Required">A failed check fails the run (drill); else it is a warning, for people to decide.</param>
/// <param name="Extra">Checks of this run, besides the group's.</param>
[Step("verify")]
public sealed record VerifyInstances(bool Required, IReadOnlyList<string> Extra) : IStep
{
    public string Describe() => "verify the instances";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        var verifier = new Verifier(context, group, [.. group.Checks, .. Extra]);
        var findings = await verifier.VerifyAsync(ct);
        var failed = findings.Where(f => !f.Passed).Select(f => f.Text).ToList();
        if (failed.Count > 0 && Required)
        {
            throw new ProblemException(ReasonCode.VerificationFailed,
                $"{failed.Count} of {findings.Count} checks failed: {failed[0]}", string.Join("; ", failed),
                [.. findings.Select(f => f.ToString())]);
        }
        return new StepOutcome
        {
            Evidence = [.. findings.Select(f => f.ToString())],
            Warnings = failed,
            Reason = failed.Count > 0 ? ReasonCode.VerificationFailed : ReasonCode.None,
            Verified = failed.Count == 0,
        };
    }
}
