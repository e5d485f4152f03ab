// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Runs;

/// <summary>
/// The stretch in which one controller of a site, and no other, works on something: it holds a lease in one term. When
/// the lease goes to somebody else its term is a higher one, so whatever the former holder still writes is refused.
/// </summary>
public sealed class Tenure
{
    /// <summary>Of the only controller of a site: nobody else can take anything over.</summary>
    public static readonly Tenure Sole = new();

    private readonly CancellationTokenSource? _over;
    private readonly Func<bool> _inTime;

    private Tenure() => (Lease, Holder, _inTime) = ("", "", () => true);

    /// <param name="inTime">
    /// By this process's own clock, without asking anybody: nobody else can have taken the lease over yet.
    /// </param>
    public Tenure(string lease, string holder, long term, Func<bool> inTime) =>
        (Lease, Holder, Term, _inTime, _over) = (lease, holder, term, inTime, new CancellationTokenSource());

    public string Lease { get; }
    public string Holder { get; }
    public long Term { get; }
    public bool IsSole => _over is null;

    /// <summary>Cancelled when it is known to be over.</summary>
    public CancellationToken Over => _over?.Token ?? CancellationToken.None;

    /// <summary>
    /// True: nobody else works on it now. A process that was stopped for a while hears so before its timers fire.
    /// </summary>
    public bool Holds => _over is null || !_over.IsCancellationRequested && _inTime();

    /// <summary>It is over, for good.</summary>
    public void End() => _over?.Cancel();

    /// <summary>Asked before everything that changes something.</summary>
    /// <exception cref="OperationCanceledException">Somebody else may work on it by now.</exception>
    public void ThrowIfOver()
    {
        if (Holds) return;
        End();
        throw new OperationCanceledException($"lease {Lease}, term {Term}, is over", Over);
    }
}
