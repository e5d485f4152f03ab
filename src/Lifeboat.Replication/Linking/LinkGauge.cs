// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking;

/// <summary>
/// How fast a link takes what is sent, and how much there is to send: over the last few seconds or megabytes. Written
/// by the sending loop alone.
/// </summary>
internal sealed class LinkGauge(TimeProvider time)
{
    private const double WireWindow = 4 << 20;
    private const double BusyWindow = 2;
    private const double OfferedWindow = 4;
    private const double FastestBytesPerSecond = 10e9;

    private double _wire, _busy, _offered, _wall;
    private long _looked = time.GetTimestamp();

    /// <summary>
    /// Seconds that the link takes for a byte while it is kept busy, waiting for caps included; next to nothing for one
    /// that takes everything at once.
    /// </summary>
    public double SecondsPerByte => _wire > 0 ? Math.Max(_busy / _wire, 1 / FastestBytesPerSecond)
        : 1 / FastestBytesPerSecond;

    /// <summary>Bytes of records shipped each second, over the time that passed, idle or not.</summary>
    public double OfferedPerSecond => _wall > 0 ? _offered / _wall : 0;

    public void Sent(int rawBytes, int wireBytes, TimeSpan took)
    {
        Pass();
        _offered += rawBytes;
        _wire += wireBytes;
        _busy += took.TotalSeconds;
        if (_wire <= WireWindow && _busy <= BusyWindow) return;
        _wire /= 2;
        _busy /= 2;
    }

    /// <summary>Something was there to be sent and had to wait for a cap.</summary>
    public void Waited(TimeSpan took) => _busy += took.TotalSeconds;

    private void Pass()
    {
        var now = time.GetTimestamp();
        _wall += time.GetElapsedTime(_looked, now).TotalSeconds;
        _looked = now;
        if (_wall <= OfferedWindow) return;
        // A long pause is not half forgotten but wholly.
        var keep = OfferedWindow / 2 / _wall;
        _offered *= keep;
        _wall *= keep;
    }
}
