//! libtorch's global switches of arithmetic: TF32, and the same bits each time. tch offers none of them, so a small C++ shim
//! does (`shim/numerics.cpp`); it needs libtorch for CPUs alone.
//!
//! Left to itself, libtorch rounds what convolutions of f32 multiply to TF32 (10 bits of mantissa) on a GPU. Here `f32` means f32.

use crate::error::{EngineError, Result};
use tch::Device;
use tombola_spec::{settings::Dtype, worker::DeviceKind};

#[expect(unsafe_code, reason = "the shim has a C interface")]
unsafe extern "C" {
    safe fn tombola_allow_tf32(allowed: i32) -> i32;
    #[cfg(test)]
    safe fn tombola_tf32_allowed() -> i32;
    safe fn tombola_be_deterministic() -> i32;
}

/// Sets the switches as every device has them: no TF32, and on a GPU kernels that give the same bits each time where there are
/// such.
pub(crate) fn set_up(device: DeviceKind) -> Result<()> {
    allow_tf32(false)?;
    match device {
        // Lanes on threads have no others, and on a CPU the switch would choose other kernels for some.
        DeviceKind::Cpu => Ok(()),
        DeviceKind::Cuda => done(tombola_be_deterministic(), "to give the same bits each time"),
    }
}

/// Does `work` under the switches of a number format. Switches are the process's and guarded by nothing: no other thread may
/// compute meanwhile, or be in here. On a CPU, where lanes and lines are on threads of their own, nothing is switched: no processor
/// rounds to TF32.
pub(crate) fn within<T>(device: Device, dtype: Dtype, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if dtype != Dtype::Tf32 || device == Device::Cpu {
        return work();
    }
    let _strict_again = Tf32::allow()?;
    work()
}

/// TF32 is allowed for as long as this is there, also when what happens meanwhile panics.
struct Tf32;

impl Tf32 {
    fn allow() -> Result<Self> {
        allow_tf32(true).map(|()| Self)
    }
}

impl Drop for Tf32 {
    fn drop(&mut self) {
        // What could be turned on can be turned off.
        let _ = allow_tf32(false);
    }
}

fn allow_tf32(allowed: bool) -> Result<()> {
    done(
        tombola_allow_tf32(allowed.into()),
        if allowed { "to round to TF32" } else { "not to round to TF32" },
    )
}

fn done(answer: i32, what: &str) -> Result<()> {
    match answer {
        0 => Ok(()),
        _ => Err(EngineError::Device(format!(
            "libtorch cannot be told {what}; hint: run `cargo xtask setup` and build again"
        ))),
    }
}

/// Whether products of f32 may be rounded to TF32 now.
#[cfg(test)]
fn tf32_allowed() -> bool {
    tombola_tf32_allowed() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    /// One test, for the switches are the process's.
    #[test]
    fn f32_is_not_rounded_to_tf32_but_where_that_is_asked_for() {
        allow_tf32(true).unwrap();
        device::Device::open(DeviceKind::Cpu, 0).unwrap();
        assert!(!tf32_allowed(), "libtorch rounds convolutions by default");
        for (dtype, allowed) in
            [(Dtype::F32, false), (Dtype::Bf16, false), (Dtype::F64, false), (Dtype::Tf32, true)]
        {
            let found = within(Device::Cuda(0), dtype, || Ok(tf32_allowed())).unwrap();
            assert_eq!((found, tf32_allowed()), (allowed, false), "{dtype:?}");
        }
        let died = std::panic::catch_unwind(|| {
            within(Device::Cuda(0), Dtype::Tf32, || -> Result<()> { panic!("half-way") })
        });
        assert!(died.is_err() && !tf32_allowed());
        // Lines of two jobs on threads of a CPU got in each other's way.
        assert!(!within(Device::Cpu, Dtype::Tf32, || Ok(tf32_allowed())).unwrap());
    }
}
